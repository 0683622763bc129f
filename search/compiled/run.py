"""A run of lanes whose passes are compiled loops (see `search.run`)."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from search.activation import ActivationName
from search.compiled.jit import Array
from search.compiled.loops import load, loops
from search.kernels import get_kernel
from search.parameters import Shape
from search.run import Place


class CompiledRun:
    """Passes by compiled loops, which add the offset themselves. On the processor only."""

    def __init__(self, place: Place, shape: Shape) -> None:
        config = place.config
        name = ActivationName(config.activation)
        n, rows, width = place.pre.shape
        self.first, self.end = place.first, place.first + n
        self.learned: Mapping[str, Tensor] = place.learned(place.vectors)
        self.noisy = get_kernel(name, plain=config.plain).noisy
        self._loops = loops(name)
        self._pre, self._active, self._grad = (
            tensor.numpy() for tensor in (place.pre, place.active, place.grad)
        )
        self._vectors, self._grads = place.vectors.numpy(), place.vector_grads.numpy()
        self._offset_at = place.offset.start
        # Every activation has at most one number, but for rrelu: the middle of two, in training one
        # drawn between them.
        numbers = [
            fmean([*lane.config.activation_numbers.values()] or [0.0]) for lane in place.lanes
        ]
        #: That number for every lane and unit, (n, 1, H).
        self._quiet = shape.column(numbers).expand(n, 1, width).contiguous().numpy()
        self._own = self._quiet
        self._ends = [
            shape.column([lane.config.activation_numbers[end] for lane in place.lanes])
            for end in ("lower", "upper")
            if self.noisy
        ]
        self._drawn = shape.empty(n, rows, width) if self.noisy else None
        self._learned = [
            (place.pieces[key].start, 1 if sharing == "layer" else width)
            for key, sharing in config.learned
        ]
        self._sums = np.empty(width, dtype=self._pre.dtype)
        self._unused = np.empty_like(self._grads)

    def forward(self, noise: Tensor | None) -> None:
        """Add the offset and activate."""
        self._own = self._quiet
        if noise is not None and self._drawn is not None:
            lower, upper = self._ends
            torch.lerp(lower, upper, noise[self.first : self.end], out=self._drawn)
            self._own = self._drawn.numpy()
        for start, units in self._learned:
            load(self._vectors, start, units, self._quiet)
        self._loops.forward(self._pre, self._vectors, self._offset_at, self._own, self._active)

    def backward(self) -> None:
        """Turn dL/d(active) into dL/d(pre), and write the gradients of offset and parameters."""
        for start, units in self._learned:
            if self._loops.learn is not None:
                self._loops.learn(
                    self._grad,
                    self._pre,
                    self._vectors,
                    self._offset_at,
                    self._own,
                    self._active,
                    self._grads,
                    start,
                    units,
                    self._sums,
                )
        self._differentiate(self._grads)

    def slopes(self) -> None:
        """Multiply the gradient with the derivative of the last forward pass."""
        self._differentiate(self._unused)

    def _differentiate(self, grads: Array) -> None:
        self._loops.backward(
            self._grad,
            self._pre,
            self._vectors,
            self._offset_at,
            self._own,
            self._active,
            grads,
        )
