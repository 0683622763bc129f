"""Statistics of the units and weights of one lane (see `search.engines.layer_statistics`).

Notation: N rows, H units. Passes over rows are accumulated in `sums` (3,), those of f, of f
squared, and of saturated |f'| counted as 1, and in `extremes` (3, H): the steepest |f'| of each
unit, its largest f, and its least f, negated.
"""

from __future__ import annotations

from math import inf, sqrt

from search.engines.compiled.elementary import like
from search.engines.compiled.jit import Array, callable_from_jit, reassociated
from search.engines.compiled.reductions import product, total
from search.engines.layer_statistics import DEAD_RANGE, DEAD_SLOPE, SATURATED_SLOPE


@callable_from_jit
def clear(sums: Array, extremes: Array) -> None:
    """Empty the accumulators."""
    sums[:] = 0.0
    extremes[:] = -inf


@callable_from_jit
def accumulate(slopes: Array, active: Array, sums: Array, extremes: Array) -> None:
    """Add the rows of a pass: f'(z) and f(z), (N, H) each."""
    rows, units = active.shape
    steepest, most, least = extremes[0], extremes[1], extremes[2]
    for row in range(rows):
        # Two short loops: one with as many arrays would not be vectorised.
        for unit in range(units):
            a = active[row, unit]
            most[unit] = a if a > most[unit] else most[unit]
            least[unit] = -a if -a > least[unit] else least[unit]
        for unit in range(units):
            slope = abs(slopes[row, unit])
            steepest[unit] = slope if slope > steepest[unit] else steepest[unit]
    values = active.ravel()
    sums[0] += total(values)
    sums[1] += product(values, values)
    sums[2] += _below(slopes.ravel(), SATURATED_SLOPE)


@reassociated
def _below(slopes: Array, limit: float) -> float:
    """Return the number of elements below `limit` in absolute value."""
    count, one, most = like(slopes[0], 0.0), like(slopes[0], 1.0), like(slopes[0], limit)
    for i in range(slopes.size):
        count += one if abs(slopes[i]) < most else like(one, 0.0)
    return count


@callable_from_jit
def finalize(sums: Array, extremes: Array, rows: int, out: Array) -> None:
    """Write mean and deviation of f, shares of dead units and of saturated slopes, into (4,).

    `rows` is the number of rows accumulated.
    """
    units = extremes.shape[1]
    dead = 0
    for unit in range(units):
        spread = extremes[1, unit] + extremes[2, unit]
        dead += (extremes[0, unit] < DEAD_SLOPE) and (spread < DEAD_RANGE)
    count = rows * units
    mean = sums[0] / count
    variance = sums[1] / count - mean * mean
    # Not max(variance, 0): NaN has to stay NaN.
    out[0], out[1] = mean, sqrt(0.0 if variance < 0.0 else variance)
    out[2], out[3] = dead / units, sums[2] / count


@callable_from_jit
def frobenius_norm(vector: Array) -> float:
    """Return the Frobenius norm of a matrix given as a vector (n,)."""
    return sqrt(product(vector, vector))


@callable_from_jit
def relative_change(after: Array, before: Array) -> float:
    """Return the norm of `after - before` over the norm of `before`, (n,) each."""
    return sqrt(_distance(after, before) / product(before, before))


@reassociated
def _distance(left: Array, right: Array) -> float:
    """Return the sum of squared differences of two vectors (n,)."""
    result = like(left[0], 0.0)
    for i in range(left.size):
        difference = left[i] - right[i]
        result += difference * difference
    return result
