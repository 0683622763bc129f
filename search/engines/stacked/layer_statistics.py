"""Statistics of the layers of a stack, measured by torch's kernels.

Notation as in `search.engines.stacked.stack`: n lanes, N rows, H units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from search.engines.layer_statistics import DEAD_RANGE, DEAD_SLOPE, SATURATED_SLOPE
from search.networks.dimensions import Dimensions


class UnitStatistics:
    """Accumulated statistics of a layer's units over passes of rows."""

    def __init__(self, lanes: int, width: int, dimensions: Dimensions) -> None:
        #: Sums over rows of f, of f squared, and of saturated |f'| counted as 1, (n, 3, H).
        self.sums = dimensions.zeros(lanes, 3, width)
        #: Steepest |f'|, largest f, and least f negated, (n, 3, H).
        self.extremes = dimensions.zeros(lanes, 3, width)
        self.rows = 0

    def clear(self) -> None:
        """Empty the accumulators."""
        self.sums.zero_()
        self.extremes.fill_(-torch.inf)
        self.rows = 0


def accumulate(slopes: Tensor, active: Tensor, units: UnitStatistics) -> None:
    """Add the rows of a pass: f'(z) and f(z), (n, N, H) each; `slopes` is overwritten."""
    slopes.abs_()
    # aminmax would take ten times as long along this dimension.
    extremes = torch.stack([slopes.amax(1), active.amax(1), -active.amin(1)], 1)
    torch.maximum(units.extremes, extremes, out=units.extremes)
    flat = torch.lt(slopes, SATURATED_SLOPE).to(slopes.dtype).sum(1)
    square = torch.mul(active, active, out=slopes).sum(1)
    units.sums += torch.stack([active.sum(1), square, flat], 1)
    units.rows += active.shape[1]


def finalize(units: UnitStatistics, out: Tensor) -> None:
    """Write mean and deviation of f, shares of dead units and of saturated slopes, (4, n)."""
    mean, square, flat = (units.sums.mean(2) / units.rows).unbind(1)
    slope, most, least = units.extremes.unbind(1)
    dead = (slope < DEAD_SLOPE) & (most + least < DEAD_RANGE)
    deviation = (square - mean * mean).clamp_min_(0).sqrt_()
    torch.stack([mean, deviation, dead.to(mean.dtype).mean(1), flat], out=out)


def frobenius_norm(matrices: Tensor, out: Tensor) -> None:
    """Write Frobenius norms, (n, in, out) -> (n,)."""
    torch.linalg.vector_norm(matrices, dim=(1, 2), out=out)


def relative_change(after: Tensor, before: Tensor, out: Tensor) -> None:
    """Write the norms of `after - before` over the norms of `before`, (n, in, out) -> (n,)."""
    length: Tensor = torch.linalg.vector_norm(before, dim=(1, 2))
    frobenius_norm(after - before, out)
    out.div_(length)
