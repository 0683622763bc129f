"""The device that trains: the processor, or GPUs that torch reaches through CUDA."""

from __future__ import annotations

import re
from enum import StrEnum

from search.errors import InvalidInput

_WANTED = re.compile(r"(auto|cpu|cuda)|cuda:(\d{1,3})")


class Device(StrEnum):
    """Kinds of devices a person may ask for; AUTO is a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def parse_device(wanted: str) -> tuple[Device, int | None]:
    """Read `auto`, `cpu`, `cuda` or `cuda:2`: the kind, and the number of the GPU if one is named.

    Raises InvalidInput for anything else.
    """
    match = _WANTED.fullmatch(wanted)
    if match is None:
        raise InvalidInput(
            f"device is '{wanted}'; choose auto, cpu, cuda for all GPUs, or cuda:0, cuda:1 and so "
            f"on for one of them"
        )
    kind, number = match.groups()
    return (Device.CUDA, int(number)) if kind is None else (Device(kind), None)


def usable_device(wanted: str) -> tuple[Device, tuple[int, ...]]:
    """Return CPU or CUDA, which `wanted` comes to on this machine, and the numbers of its GPUs.

    Raises InvalidInput where `parse_device` does, and where a GPU is wanted that torch does not
    reach.
    """
    kind, number = parse_device(wanted)
    if kind is Device.CPU:
        return Device.CPU, ()
    # Imported here because torch takes a second to load and a server need not train.
    import torch  # noqa: PLC0415

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number is not None and 0 < count <= number:
        raise InvalidInput(
            f"device '{wanted}' is not there: torch reaches {count} GPU{'s' * (count > 1)}, "
            f"counted from cuda:0; choose one of them, cuda or auto"
        )
    if count:
        return Device.CUDA, tuple(range(count)) if number is None else (number,)
    if kind is Device.CUDA:
        raise InvalidInput(
            f"device '{wanted}' needs a GPU, and torch {torch.__version__} reaches none; install a "
            f"build of torch for CUDA and its driver, or choose device cpu or auto"
        )
    return Device.CPU, ()
