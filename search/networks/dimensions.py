"""Sizes, precision and device that the networks trained together have in common."""

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
    """Sizes, precision and device of every lane of a stack."""

    #: Columns of the prepared data.
    features: int
    #: Units of the output layer: classes, or 1 for regression and binary classification.
    outputs: int
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    @property
    def on_host(self) -> bool:
        """Whether the device is the processor."""
        return self.device == "cpu"

    def send(self, values: Tensor) -> Tensor:
        """Return `values`, a tensor of the host, on the device, without waiting for the copy."""
        if not self.device.startswith("cuda"):
            return values
        return values.pin_memory().to(self.device, non_blocking=True)

    def zeros(self, *size: int) -> Tensor:
        """Return a tensor of zeros with the stack's dtype and device."""
        return torch.zeros(size, dtype=self.dtype, device=self.device)

    def empty(self, *size: int) -> Tensor:
        """Return an uninitialised tensor with the stack's dtype and device."""
        return torch.empty(size, dtype=self.dtype, device=self.device)

    def column(self, values: Sequence[float]) -> Tensor:
        """Return `values`, one a lane, as (L, 1, 1), to broadcast over rows and units."""
        return torch.tensor(values, dtype=self.dtype, device=self.device).view(-1, 1, 1)

    def target(self, y: NDArray[np.generic]) -> Tensor:
        """Return the targets `y` (N,) of a fold in the form that the losses take."""
        target = torch.from_numpy(y).to(self.device)
        return target.to(self.dtype) if target.is_floating_point() else target

    def first_state(self, lane: Lane, rows: NDArray[np.floating]) -> LaneState:
        """Draw the state in which `lane` begins; `rows` (N, D) are those of its fold's training."""
        return first_state(lane, rows, outputs=self.outputs, dtype=self.dtype)
