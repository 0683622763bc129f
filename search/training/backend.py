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

    @property
    def trainer(self) -> EngineName:
        """COMPILED or TORCH: the engine, or what AUTO comes to in this process."""
        if self.engine is not EngineName.AUTO:
            return self.engine
        return EngineName.COMPILED if can_compile(self.device) else EngineName.TORCH


def usable_backend(device: str, engine: EngineName, *, tf32: bool = False) -> Backend:
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
    return Backend(device=kind, engine=trainer, tf32=tf32, gpus=gpus)


#: The processor, by the quickest engine that can run.
PROCESSOR = Backend()
