"""What a layer's units and weights show, each in a single pass over memory (see `search.looks`).

Sums run over rows first, unit by unit, which a compiler turns into vector instructions without
changing their order.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from torch import Tensor

from search.compiled.jit import Array, compiled
from search.looks import DEAD_RANGE, DEAD_SLOPE, SATURATED_SLOPE, Gathered


class CompiledLooks:
    """On the processor."""

    def gather(self, slopes: Tensor, active: Tensor, seen: Gathered) -> None:
        """Add a pass."""
        _gather(slopes.numpy(), active.numpy(), seen.sums.numpy(), seen.extremes.numpy())
        seen.rows += active.shape[1]

    def conclude(self, seen: Gathered, out: Tensor) -> None:
        """Write the statistics."""
        _conclude(seen.sums.numpy(), seen.extremes.numpy(), seen.rows, out.numpy())

    def norm(self, matrices: Tensor, out: Tensor) -> None:
        """Write Frobenius norms."""
        _norm(matrices.numpy(), out.numpy())

    def step(self, matrices: Tensor, before: Tensor, out: Tensor) -> None:
        """Write how far matrices have moved."""
        _step(matrices.numpy(), before.numpy(), out.numpy())


@compiled
def _gather(slopes: Array, active: Array, sums: Array, extremes: Array) -> None:
    lanes, rows, units = active.shape
    for lane in range(lanes):
        total, square, flat = sums[lane, 0], sums[lane, 1], sums[lane, 2]
        steepest, most, least = extremes[lane, 0], extremes[lane, 1], extremes[lane, 2]
        for row in range(rows):
            # Several short loops: one with as many arrays would not be vectorised.
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
                flat[unit] += slope < SATURATED_SLOPE


@compiled
def _conclude(sums: Array, extremes: Array, rows: int, out: Array) -> None:
    lanes, _, units = sums.shape
    for lane in range(lanes):
        mean, square, flat = (
            sums[lane, 0].sum() / (rows * units),
            sums[lane, 1].sum() / (rows * units),
            sums[lane, 2].sum() / (rows * units),
        )
        dead = 0
        for unit in range(units):
            spread = extremes[lane, 1, unit] + extremes[lane, 2, unit]
            dead += (extremes[lane, 0, unit] < DEAD_SLOPE) and (spread < DEAD_RANGE)
        variance = square - mean * mean
        # Not max(variance, 0): NaN has to stay NaN.
        out[0, lane], out[1, lane] = mean, sqrt(0.0 if variance < 0.0 else variance)
        out[2, lane], out[3, lane] = dead / units, flat


@compiled
def _norm(matrices: Array, out: Array) -> None:
    lanes, rows, units = matrices.shape
    sums = np.empty(units, matrices.dtype)
    for lane in range(lanes):
        sums[:] = 0
        for row in range(rows):
            for unit in range(units):
                sums[unit] += matrices[lane, row, unit] * matrices[lane, row, unit]
        out[lane] = sqrt(sums.sum())


@compiled
def _step(matrices: Array, before: Array, out: Array) -> None:
    lanes, rows, units = matrices.shape
    moved, length = np.empty(units, matrices.dtype), np.empty(units, matrices.dtype)
    for lane in range(lanes):
        moved[:] = 0
        length[:] = 0
        for row in range(rows):
            for unit in range(units):
                old = before[lane, row, unit]
                moved[unit] += (matrices[lane, row, unit] - old) ** 2
                length[unit] += old * old
        out[lane] = sqrt(moved.sum() / length.sum())
