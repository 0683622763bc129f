"""The backend of a training: the device, and the engine that trains on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from search.engines.compiled import can_compile
from search.errors import InvalidInput
from search.training.device import Device, parse_device, usable_device


class EngineName(StrEnum):
    """Engines a person may ask for; AUTO is the quickest that can run on the device."""

    AUTO = "auto"
    #: Loops compiled by Numba, on a processor.
    COMPILED = "compiled"
    #: Torch's own kernels, on any device.
    TORCH = "torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where segments are trained, and by what. The same for all segments of a study."""

    device: Device = Device.CPU
    engine: EngineName = EngineName.AUTO
    #: Whether matrix products on a GPU may round their factors to TF32's ten bits.
    tf32: bool = False
    #: Numbers of the GPUs, each of which has training processes of its own.
    gpus: tuple[int, ...] = ()
    #: Times as many batches of trials are under way, in stacks so many times narrower, as fill a
    #: small machine. More keep more processes busy, and are proposed knowing less.
    ahead: int = 1

    @property
    def trainer(self) -> EngineName:
        """COMPILED or TORCH: the engine, or what AUTO comes to in this process."""
        if self.engine is not EngineName.AUTO:
            return self.engine
        return EngineName.COMPILED if can_compile(self.device) else EngineName.TORCH


def usable_backend(
    device: str, engine: EngineName, *, tf32: bool = False, ahead: int = 1
) -> Backend:
    """Return the backend that the wanted `device` and `engine` come to on this machine.

    A compiled engine keeps the device AUTO on the processor. Raises InvalidInput where
    `usable_device` does, and where the compiled engine is wanted and cannot run.
    """
    if engine is EngineName.COMPILED:
        kind, _ = parse_device(device)
        if kind is Device.CUDA:
            raise InvalidInput(
                f"engine 'compiled' trains on a processor, and the device is '{device}'; choose "
                f"device cpu, or engine torch or auto"
            )
        if not can_compile(Device.CPU):
            raise InvalidInput(
                "engine 'compiled' needs Numba, which is not installed; install it "
                "(pip install numba), or choose engine torch or auto"
            )
        device = Device.CPU
    kind, gpus = usable_device(device)
    trainer = Backend(device=kind, engine=engine).trainer
    return Backend(device=kind, engine=trainer, tf32=tf32, gpus=gpus, ahead=ahead)


def cluster_backend(
    device: str, engine: EngineName, *, gpus: float = 0.0, tf32: bool = False, ahead: int = 1
) -> Backend:
    """Return the backend that `device` and `engine` come to on a cluster, for segments of `gpus`.

    This machine need not have what the cluster has. Raises InvalidInput where the wishes do not fit
    each other.
    """
    kind, number = parse_device(device)
    if number is not None:
        raise InvalidInput(
            f"device is '{device}', but a cluster numbers its GPUs itself; choose cuda, cpu or auto"
        )
    if kind is Device.CUDA and not gpus:
        raise InvalidInput(
            "device 'cuda' needs GPUs, and a segment has none of the cluster's; set "
            "ACTIVATION_SEARCH_RAY_GPUS to 1, or to the share of a GPU that a segment may take"
        )
    kind = Device.CUDA if gpus and kind is not Device.CPU else Device.CPU
    if engine is EngineName.COMPILED and kind is Device.CUDA:
        raise InvalidInput(
            "engine 'compiled' trains on a processor, and segments have GPUs; set "
            "ACTIVATION_SEARCH_RAY_GPUS to 0, or choose engine torch or auto"
        )
    # Decided here, where the driver is, so that all nodes train by the same engine.
    trainer = Backend(device=kind, engine=engine).trainer
    return Backend(device=kind, engine=trainer, tf32=tf32, ahead=ahead)


#: The processor, by the quickest engine that can run.
PROCESSOR = Backend()
