"""Whether a function is any good as an activation: facts about it, or the reason why it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

import numpy as np

from search.activations.activation import Activation
from search.activations.formulas import Array, Numbers
from search.activations.notation import written
from search.errors import InvalidInput

#: A function has to be finite between minus and plus that, where pre-activations lie.
REACH = 50.0
_POINTS = 20_001
#: A function whose values, or slopes, differ by less is constant.
_CONSTANT, _FLAT = 1e-6, 1e-6
#: Step of the numerical derivative; the share of points at which it may disagree with the symbolic
#: one, at kinks and jumps.
_STEP, _MISMATCHES = 1e-5, 0.02
#: A jump is told from a steep slope down to that distance.
_JUMP_WIDTH = 1e-9
#: Greatest value in size, so that squares in float32 stay finite.
_LARGEST = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts of an activation function at its default parameters, where not said otherwise."""

    #: By x, in the notation of the parser; None where it is too long to be written out.
    derivative: str | None
    gain: float
    #: Least and greatest value on [-50, 50].
    low: float
    high: float
    value_at_zero: float
    slope_at_zero: float
    increasing: bool
    warnings: tuple[str, ...] = field(default=())


def check_activation(row: Activation) -> Facts:
    """Return facts of an activation.

    Raises InvalidInput where it cannot be trained with: constant, infinite or NaN on [-50, 50] at
    the default or an end of a searched parameter, without any slope, or turning too quickly.
    """
    return _check(row)


@lru_cache(maxsize=256)
def _check(row: Activation) -> Facts:
    defaults = row.numbers({})
    grid = np.linspace(-REACH, REACH, _POINTS)
    for numbers in _corners(row):
        _check_values(row, numbers, grid)
    values, slopes = row.function(grid, defaults), row.slope(grid, defaults)
    _check_derivative(row, defaults)
    return Facts(
        derivative=written(row.derivatives.slope_tree),
        gain=row.gain(defaults),
        low=float(values.min()),
        high=float(values.max()),
        value_at_zero=float(row.function(np.zeros(1), defaults)[0]),
        slope_at_zero=float(row.slope(np.zeros(1), defaults)[0]),
        increasing=bool((slopes >= 0.0).all()),
        warnings=_warnings(row, defaults, grid),
    )


def _corners(row: Activation) -> list[dict[str, float]]:
    """Return the defaults, and all combinations of the ends of at most four searched parameters."""
    defaults = row.numbers({})
    ends = {p.name: (p.low, p.high) for p in row.parameters if p.searched}
    chosen = list(ends)[:4]
    corners = product(*(ends[name] for name in chosen))
    found = [
        {**defaults, **{n: float(v) for n, v in zip(chosen, corner, strict=True) if v is not None}}
        for corner in corners
    ]
    return [defaults, *found]


def _check_values(row: Activation, numbers: Numbers, grid: Array) -> None:
    with np.errstate(all="ignore"):
        values, slopes = row.function(grid, numbers), row.slope(grid, numbers)
    at = "".join(f", {name} = {value:g}" for name, value in numbers.items())
    if values.shape != grid.shape:
        _refuse(row, "does not depend on x; let it")
    for what, found in (("value", values), ("slope", slopes)):
        bad = ~np.isfinite(found)
        if bad.any():
            first = int(np.argmin(np.where(bad, np.abs(grid), np.inf)))
            kind = "NaN" if np.isnan(found[first]) else "infinite"
            _refuse(
                row,
                f"has a {what} that is {kind} at x = {grid[first]:g}{at}; it must be finite on "
                f"[-{REACH:g}, {REACH:g}]: keep divisors and arguments of log and sqrt above 0",
            )
        largest = int(np.argmax(np.abs(found)))
        if abs(found[largest]) > _LARGEST:
            _refuse(
                row,
                f"has the {what} {found[largest]:.3g} at x = {grid[largest]:g}{at}, too large to "
                f"train with; let it grow more slowly",
            )
    if float(np.ptp(values)) < _CONSTANT:
        _refuse(row, f"is constant on [-{REACH:g}, {REACH:g}]{at}; let it depend on x")
    if float(np.abs(slopes).max()) < _FLAT:
        _refuse(
            row,
            f"has a slope of 0 everywhere{at}, so that no gradient passes; give it a slope",
        )


def _check_derivative(row: Activation, numbers: Numbers) -> None:
    points = np.random.default_rng(0).uniform(-10.0, 10.0, 2000)
    ahead, behind = (row.function(points + step, numbers) for step in (_STEP, -_STEP))
    slopes = row.slope(points, numbers)
    error = np.abs((ahead - behind) / (2.0 * _STEP) - slopes)
    wrong = error > 1e-3 * np.maximum(1.0, np.abs(slopes)) + 1e-9 * np.abs(ahead) / _STEP
    if wrong.mean() > _MISMATCHES:
        _refuse(row, "turns too quickly for its derivative to be checked; make it smoother")


def _warnings(row: Activation, numbers: Numbers, grid: Array) -> tuple[str, ...]:
    found = []
    jumps = _jumps(row, numbers, grid)
    if jumps:
        places = ", ".join(f"{place:.4g}" for place in jumps[:5])
        more = f" and {len(jumps) - 5} more places" if len(jumps) > 5 else ""
        found.append(f"it jumps at x = {places}{more}, which no gradient sees")
    slopes = row.slope(grid, numbers)
    if np.abs(slopes[np.abs(grid) < 3.0]).max() < 1e-2:
        found.append("its slope is below 0.01 between -3 and 3, so that little gradient passes")
    far = np.abs(row.function(np.array([-REACH, REACH]), numbers)).max()
    if far > 10.0 * REACH:
        found.append("it grows faster than its input: deep networks of it need a normalization")
    return tuple(found)


def _jumps(row: Activation, numbers: Numbers, grid: Array) -> list[float]:
    """Return where `row` jumps, found by halving the intervals that rise more than their slope."""
    left, right = grid[:-1], grid[1:]
    while len(left) and right[0] - left[0] > _JUMP_WIDTH:
        low, high = row.function(left, numbers), row.function(right, numbers)
        steepest = np.maximum(np.abs(row.slope(left, numbers)), np.abs(row.slope(right, numbers)))
        rises = np.abs(high - low) > 3.0 * steepest * (right - left) + 1e-4
        left, right = left[rises], right[rises]
        middle = (left + right) / 2.0
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    return sorted(set(np.round(left, 6) + 0.0))


def _refuse(row: Activation, reason: str) -> None:
    raise InvalidInput(f"the expression '{row.formula}' {reason}", pointer="/expression")
