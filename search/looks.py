"""What the probe measures of one layer, by torch's kernels or by compiled loops.

Notation as in `search.stack`: n lanes, N rows, H units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from search.parameters import Shape

#: A slope |f'(z)| below which a unit is saturated.
SATURATED_SLOPE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One pass over one layer."""

    #: Mean and mean square of the outputs, share of slopes that are saturated, (3, n).
    shares: Tensor
    #: Each unit's steepest |f'|, its largest output, and its least, negated, (3, n, H).
    extremes: Tensor


class Looks(Protocol):
    """The measurements."""

    def units(self, slopes: Tensor, active: Tensor) -> Look:
        """Sum up f'(z) and f(z), (n, N, H) each; `slopes` may be overwritten."""
        ...

    def norm(self, matrices: Tensor) -> Tensor:
        """Return Frobenius norms, (n, in, out) -> (n,)."""
        ...

    def step(self, matrices: Tensor, before: Tensor) -> Tensor:
        """Return how far matrices have moved, relative to what they were, (n,)."""
        ...


class KernelLooks:
    """On any device."""

    def units(self, slopes: Tensor, active: Tensor) -> Look:
        """Sum up f'(z) and f(z)."""
        slopes.abs_()
        # aminmax would take ten times as long along this dimension.
        extremes = torch.stack([slopes.amax(1), active.amax(1), -active.amin(1)])
        flat = torch.lt(slopes, SATURATED_SLOPE).to(slopes.dtype).mean((1, 2))
        square = torch.mul(active, active, out=slopes).mean((1, 2))
        return Look(torch.stack([active.mean((1, 2)), square, flat]), extremes)

    def norm(self, matrices: Tensor) -> Tensor:
        """Return Frobenius norms."""
        norms: Tensor = torch.linalg.vector_norm(matrices, dim=(1, 2))
        return norms

    def step(self, matrices: Tensor, before: Tensor) -> Tensor:
        """Return how far matrices have moved."""
        return self.norm(matrices - before) / self.norm(before)


def looks(shape: Shape) -> Looks:
    """Return what measures on tensors of `shape`."""
    if shape.compiled:
        # Imported here because Numba may be missing, and takes a third of a second.
        from search.compiled.looks import CompiledLooks  # noqa: PLC0415

        return CompiledLooks()
    return KernelLooks()
