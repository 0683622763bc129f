"""What one lane's units and weights show (see `search.looks`).

Notation: N rows, H units. `seen` (6, H) gathers, unit by unit, sums of f, of f squared and of
whether |f'| is saturated, then the steepest |f'|, the largest f, and the least, negated.
"""

from __future__ import annotations

from math import inf, sqrt

from search.compiled.elementary import like
from search.compiled.jit import Array, routine
from search.compiled.sums import product, total
from search.looks import DEAD_RANGE, DEAD_SLOPE, SATURATED_SLOPE


@routine
def clear(seen: Array) -> None:
    """Begin anew."""
    for place in range(3):
        seen[place, :] = 0.0
        seen[3 + place, :] = -inf


@routine
def gather(slopes: Array, active: Array, seen: Array) -> None:
    """Add a pass: f'(z) and f(z), (N, H) each."""
    rows, units = active.shape
    mean, square, flat = seen[0], seen[1], seen[2]
    steepest, most, least = seen[3], seen[4], seen[5]
    one, zero = like(active[0, 0], 1.0), like(active[0, 0], 0.0)
    limit = like(zero, SATURATED_SLOPE)
    for row in range(rows):
        # Several short loops: one with as many arrays would not be vectorised.
        for unit in range(units):
            a = active[row, unit]
            mean[unit] += a
            square[unit] += a * a
        for unit in range(units):
            a = active[row, unit]
            most[unit] = a if a > most[unit] else most[unit]
            least[unit] = -a if -a > least[unit] else least[unit]
        for unit in range(units):
            slope = abs(slopes[row, unit])
            steepest[unit] = slope if slope > steepest[unit] else steepest[unit]
            flat[unit] += one if slope < limit else zero


@routine
def conclude(seen: Array, rows: int, out: Array) -> None:
    """Write mean and deviation of f, shares of dead units and saturated slopes, (4,)."""
    units = seen.shape[1]
    mean, square, flat = (
        total(seen[0]) / (rows * units),
        total(seen[1]) / (rows * units),
        total(seen[2]) / (rows * units),
    )
    dead = 0
    for unit in range(units):
        spread = seen[4, unit] + seen[5, unit]
        dead += (seen[3, unit] < DEAD_SLOPE) and (spread < DEAD_RANGE)
    variance = square - mean * mean
    # Not max(variance, 0): NaN has to stay NaN.
    out[0], out[1] = mean, sqrt(0.0 if variance < 0.0 else variance)
    out[2], out[3] = dead / units, flat


@routine
def norm(vector: Array) -> float:
    """Return the Euclidean norm."""
    return sqrt(product(vector, vector))


@routine
def moved(after: Array, before: Array) -> float:
    """Return how far a vector has moved, relative to what it was; `before` is overwritten."""
    length = norm(before)
    for i in range(before.size):
        before[i] = after[i] - before[i]
    return norm(before) / length
