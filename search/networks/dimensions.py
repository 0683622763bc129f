"""What data and device impose on every network trained together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.networks.initial_weights import first_state
from search.networks.lane import Lane, LaneState


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """What data and device impose on every lane of a stack."""

    features: int
    outputs: int
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def zeros(self, *size: int) -> Tensor:
        """Return zeros of this dtype on this device."""
        return torch.zeros(size, dtype=self.dtype, device=self.device)

    def empty(self, *size: int) -> Tensor:
        """Return uninitialised memory of this dtype on this device."""
        return torch.empty(size, dtype=self.dtype, device=self.device)

    def column(self, values: Sequence[float]) -> Tensor:
        """Return one number a lane, (L, 1, 1), to broadcast over rows and units."""
        return torch.tensor(values, dtype=self.dtype, device=self.device).view(-1, 1, 1)

    def first_state(self, lane: Lane, rows: NDArray[np.floating]) -> LaneState:
        """Draw the state in which `lane` begins; `rows` (N, D) are those of its fold's training."""
        return first_state(lane, rows, outputs=self.outputs, dtype=self.dtype)
