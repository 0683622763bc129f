"""The device that trains: the processor, or a GPU that torch reaches through CUDA."""

from __future__ import annotations

from enum import StrEnum

from search.errors import InvalidInput


class Device(StrEnum):
    """Devices a person may ask for; AUTO is a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def usable_device(wanted: Device) -> Device:
    """Return CPU or CUDA, the one that `wanted` comes to on this machine.

    Raises InvalidInput where CUDA is wanted and torch reaches no GPU.
    """
    if wanted is Device.CPU:
        return Device.CPU
    # Imported here because torch takes a second to load and a server need not train.
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        return Device.CUDA
    if wanted is Device.CUDA:
        raise InvalidInput(
            f"device 'cuda' needs a GPU, and torch {torch.__version__} reaches none; install a "
            f"build of torch for CUDA and its driver, or choose device cpu or auto"
        )
    return Device.CPU
