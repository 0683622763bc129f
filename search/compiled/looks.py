"""What a layer's units and weights show, each in a single pass over memory (see `search.probe`).

Notation: n lanes, N rows, H units. Sums run over rows first, unit by unit, which a compiler turns
into vector instructions without changing their order.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from torch import Tensor

from search.compiled.jit import Array, compiled
from search.looks import SATURATED_SLOPE, Look


@compiled
def look(
    slopes: Array, active: Array, threshold: float, shares: Array, extremes: Array, sums: Array
) -> None:
    """Sum up `slopes` f'(z) and `active` f(z), (n, N, H) each.

    `shares` (3, n) gets the mean, the mean square and the share of |f'| below `threshold`;
    `extremes` (3, n, H) each unit's steepest |f'|, largest and least output, the latter negated.
    `sums` (3, H) is overwritten.
    """
    lanes, rows, units = active.shape
    for lane in range(lanes):
        total, square, flat = sums[0], sums[1], sums[2]
        steepest, most, least = extremes[0, lane], extremes[1, lane], extremes[2, lane]
        sums[:] = 0
        steepest[:] = 0
        most[:] = -np.inf
        least[:] = -np.inf
        for row in range(rows):
            for unit in range(units):
                a = active[lane, row, unit]
                total[unit] += a
                square[unit] += a * a
            for unit in range(units):
                a = active[lane, row, unit]
                most[unit] = max(most[unit], a)
                least[unit] = max(least[unit], -a)
            for unit in range(units):
                slope = abs(slopes[lane, row, unit])
                steepest[unit] = max(steepest[unit], slope)
                flat[unit] += slope < threshold
        for k in range(3):
            shares[k, lane] = sums[k].sum() / (rows * units)


@compiled
def lengths(matrices: Array, out: Array, sums: Array) -> None:
    """Write the Frobenius norm of each of `matrices` (n, in, out) to `out` (n,)."""
    lanes, rows, units = matrices.shape
    for lane in range(lanes):
        sums[:] = 0
        for row in range(rows):
            for unit in range(units):
                sums[unit] += matrices[lane, row, unit] * matrices[lane, row, unit]
        out[lane] = sqrt(sums.sum())


@compiled
def moves(matrices: Array, before: Array, out: Array, sums: Array) -> None:
    """Write |W - before| / |before| of each matrix W to `out` (n,); `sums` is (2, H)."""
    lanes, rows, units = matrices.shape
    for lane in range(lanes):
        sums[:] = 0
        moved, length = sums[0], sums[1]
        for row in range(rows):
            for unit in range(units):
                old = before[lane, row, unit]
                moved[unit] += (matrices[lane, row, unit] - old) ** 2
                length[unit] += old * old
        out[lane] = sqrt(moved.sum() / length.sum())


class CompiledLooks:
    """On the processor (see `search.looks`)."""

    def units(self, slopes: Tensor, active: Tensor) -> Look:
        """Sum up f'(z) and f(z)."""
        n, _, units = active.shape
        shares, extremes = active.new_empty(3, n), active.new_empty(3, n, units)
        sums = np.empty((3, units), dtype=shares.numpy().dtype)
        look(
            slopes.numpy(),
            active.numpy(),
            SATURATED_SLOPE,
            shares.numpy(),
            extremes.numpy(),
            sums,
        )
        return Look(shares, extremes)

    def norm(self, matrices: Tensor) -> Tensor:
        """Return Frobenius norms."""
        out = matrices.new_empty(len(matrices))
        lengths(matrices.numpy(), out.numpy(), np.empty(matrices.shape[2], out.numpy().dtype))
        return out

    def step(self, matrices: Tensor, before: Tensor) -> Tensor:
        """Return how far matrices have moved."""
        out = matrices.new_empty(len(matrices))
        sums = np.empty((2, matrices.shape[2]), out.numpy().dtype)
        moves(matrices.numpy(), before.numpy(), out.numpy(), sums)
        return out
