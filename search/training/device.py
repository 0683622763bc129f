"""What trains: the processor, or a GPU that torch reaches through CUDA."""

from __future__ import annotations

from enum import StrEnum

from search.errors import InvalidInput


class Device(StrEnum):
    """What a person may ask for."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def usable_device(wanted: Device) -> Device:
    """Return CPU or CUDA: what is wanted, or for AUTO a GPU where there is one.

    Raises InvalidInput where a GPU is wanted and none can be reached.
    """
    if wanted is Device.CPU:
        return Device.CPU
    # Imported here because it takes a second, which a server that does not train can do without.
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        return Device.CUDA
    if wanted is Device.CUDA:
        raise InvalidInput(
            f"device 'cuda' needs a GPU, and torch {torch.__version__} reaches none; install a "
            f"build of torch for CUDA and its driver, or choose device cpu or auto"
        )
    return Device.CPU
