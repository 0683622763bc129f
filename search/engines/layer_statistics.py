"""What is measured of a layer by a look into it, here by torch's kernels.

Notation as in `search.engines.stacked.stack`: n lanes, N rows, H units. A look at the units is
gathered over one or more passes of rows, in `Gathered`, then concluded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from search.engines.stacked.parameters import Shape

#: A unit whose slope |f'(z)| stays below this on every row passes no gradient.
DEAD_SLOPE = 1e-3
#: Outputs of a unit that differ by less are the same. The tails of softsign, the slowest, differ by
#: 0.03 where its slope is below DEAD_SLOPE.
DEAD_RANGE = 0.05
#: A slope below which a unit is saturated on a row.
SATURATED_SLOPE = 0.01

#: What every layer has, in the order of a table.
STATISTICS = (
    "activation_mean",
    "activation_std",
    "dead_units",
    "saturated",
    "gradient_norm",
    "update_ratio",
)


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


def gather(slopes: Tensor, active: Tensor, seen: Gathered) -> None:
    """Add a pass: f'(z) and f(z), (n, N, H) each; `slopes` is overwritten."""
    slopes.abs_()
    # aminmax would take ten times as long along this dimension.
    extremes = torch.stack([slopes.amax(1), active.amax(1), -active.amin(1)], 1)
    torch.maximum(seen.extremes, extremes, out=seen.extremes)
    flat = torch.lt(slopes, SATURATED_SLOPE).to(slopes.dtype).sum(1)
    square = torch.mul(active, active, out=slopes).sum(1)
    seen.sums += torch.stack([active.sum(1), square, flat], 1)
    seen.rows += active.shape[1]


def conclude(seen: Gathered, out: Tensor) -> None:
    """Write mean and deviation of f, shares of dead units and saturated slopes, (4, n)."""
    mean, square, flat = (seen.sums.mean(2) / seen.rows).unbind(1)
    slope, most, least = seen.extremes.unbind(1)
    dead = (slope < DEAD_SLOPE) & (most + least < DEAD_RANGE)
    deviation = (square - mean * mean).clamp_min_(0).sqrt_()
    torch.stack([mean, deviation, dead.to(mean.dtype).mean(1), flat], out=out)


def norm(matrices: Tensor, out: Tensor) -> None:
    """Write Frobenius norms, (n, in, out) -> (n,)."""
    torch.linalg.vector_norm(matrices, dim=(1, 2), out=out)


def moved(after: Tensor, before: Tensor, out: Tensor) -> None:
    """Write how far matrices have moved, relative to what they were, (n,)."""
    length: Tensor = torch.linalg.vector_norm(before, dim=(1, 2))
    norm(after - before, out)
    out.div_(length)
