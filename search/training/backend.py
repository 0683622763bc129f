"""The backend of a training: the device, and the engine that trains on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from search.engines.compiled import can_compile
from search.errors import InvalidInput
from search.training.device import Device, usable_device


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

    @property
    def trainer(self) -> EngineName:
        """COMPILED or TORCH: the engine, or what AUTO comes to in this process."""
        if self.engine is not EngineName.AUTO:
            return self.engine
        return EngineName.COMPILED if can_compile(self.device) else EngineName.TORCH


def usable_backend(device: Device, engine: EngineName) -> Backend:
    """Return the backend that the wanted `device` and `engine` come to on this machine.

    A compiled engine keeps the device AUTO on the processor. Raises InvalidInput where there is no
    GPU and one is wanted, and where the compiled engine is wanted and cannot run.
    """
    if engine is EngineName.COMPILED:
        if device is Device.CUDA:
            raise InvalidInput(
                "engine 'compiled' trains on a processor, and the device is 'cuda'; choose device "
                "cpu, or engine torch or auto"
            )
        if not can_compile(Device.CPU):
            raise InvalidInput(
                "engine 'compiled' needs Numba, which is not installed; install it "
                "(pip install numba), or choose engine torch or auto"
            )
        device = Device.CPU
    found = Backend(device=usable_device(device), engine=engine)
    return Backend(device=found.device, engine=found.trainer)


#: The processor, by the quickest engine that can run.
PROCESSOR = Backend()
