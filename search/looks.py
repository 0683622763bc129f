"""What the probe measures of one layer, by torch's kernels or by compiled loops.

Notation as in `search.stack`: n lanes, N rows, H units. A look at the units is gathered over one or
more passes of rows, in `Gathered`, then concluded.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from search.parameters import Shape

#: A unit whose slope |f'(z)| stays below this on every row passes no gradient.
DEAD_SLOPE = 1e-3
#: Outputs of a unit that differ by less are the same. The tails of softsign, the slowest, differ by
#: 0.03 where its slope is below DEAD_SLOPE.
DEAD_RANGE = 0.05
#: A slope below which a unit is saturated on a row.
SATURATED_SLOPE = 0.01


class Gathered:
    """What passes of rows have shown of a layer's units."""

    def __init__(self, lanes: int, units: int, shape: Shape) -> None:
        #: Sums over rows of f, of f squared, and of whether |f'| is saturated, (n, 3, H).
        self.sums = shape.zeros(lanes, 3, units)
        #: Steepest |f'|, largest f, and least f, negated, (n, 3, H).
        self.extremes = shape.zeros(lanes, 3, units)
        self.rows = 0

    def clear(self) -> None:
        """Begin anew."""
        self.sums.zero_()
        self.extremes.fill_(-torch.inf)
        self.rows = 0


class Looks(Protocol):
    """The measurements."""

    def gather(self, slopes: Tensor, active: Tensor, seen: Gathered) -> None:
        """Add a pass: f'(z) and f(z), (n, N, H) each; `slopes` may be overwritten."""
        ...

    def conclude(self, seen: Gathered, out: Tensor) -> None:
        """Write mean and deviation of f, shares of dead units and saturated slopes, (4, n)."""
        ...

    def norm(self, matrices: Tensor, out: Tensor) -> None:
        """Write Frobenius norms, (n, in, out) -> (n,)."""
        ...

    def step(self, matrices: Tensor, before: Tensor, out: Tensor) -> None:
        """Write how far matrices have moved, relative to what they were, (n,)."""
        ...


class KernelLooks:
    """On any device."""

    def gather(self, slopes: Tensor, active: Tensor, seen: Gathered) -> None:
        """Add a pass."""
        slopes.abs_()
        # aminmax would take ten times as long along this dimension.
        extremes = torch.stack([slopes.amax(1), active.amax(1), -active.amin(1)], 1)
        torch.maximum(seen.extremes, extremes, out=seen.extremes)
        flat = torch.lt(slopes, SATURATED_SLOPE).to(slopes.dtype).sum(1)
        square = torch.mul(active, active, out=slopes).sum(1)
        seen.sums += torch.stack([active.sum(1), square, flat], 1)
        seen.rows += active.shape[1]

    def conclude(self, seen: Gathered, out: Tensor) -> None:
        """Write the statistics."""
        mean, square, flat = (seen.sums.mean(2) / seen.rows).unbind(1)
        slope, most, least = seen.extremes.unbind(1)
        dead = (slope < DEAD_SLOPE) & (most + least < DEAD_RANGE)
        deviation = (square - mean * mean).clamp_min_(0).sqrt_()
        torch.stack([mean, deviation, dead.to(mean.dtype).mean(1), flat], out=out)

    def norm(self, matrices: Tensor, out: Tensor) -> None:
        """Write Frobenius norms."""
        torch.linalg.vector_norm(matrices, dim=(1, 2), out=out)

    def step(self, matrices: Tensor, before: Tensor, out: Tensor) -> None:
        """Write how far matrices have moved."""
        length: Tensor = torch.linalg.vector_norm(before, dim=(1, 2))
        self.norm(matrices - before, out)
        out.div_(length)


def looks(shape: Shape) -> Looks:
    """Return what measures on tensors of `shape`."""
    if shape.compiled:
        # Imported here because Numba may be missing, and takes a third of a second.
        from search.compiled.looks import CompiledLooks  # noqa: PLC0415

        return CompiledLooks()
    return KernelLooks()
