"""The rules of axes: checks of an axis or a value against its row, and their normal form.

In normal form aliases are resolved, whole numbers are int, other numbers float, and a range's
`high` lies on its grid of steps. Every error names the value, the rule and the way out.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import isfinite, log
from textwrap import shorten

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search.errors import InvalidAxis, UnknownChoice
from search.space.axes import AxisKind, AxisRow
from search.study import Axis, Choices, ParamValue, Range

#: Most steps of a range. A finer grid is as good as continuous, and too fine for its arithmetic.
MOST_STEPS = 1_000_000


def check_value(row: AxisRow, value: object) -> ParamValue:
    """Return `value` in normal form; raises InvalidAxis or UnknownChoice where it is not legal."""
    if value is None and row.nullable:
        return None
    return _CHECK[row.kind](row, value)


def check_axis(row: AxisRow, axis: Axis) -> Axis:
    """Return `axis` in normal form; raises InvalidAxis or UnknownChoice where it is not legal.

    A range of one value becomes one choice.
    """
    if isinstance(axis, Range):
        checked = _check_range(row, axis)
        return Choices(values=(check_value(row, axis.low),)) if checked.is_fixed else checked
    if not axis.values:
        raise InvalidAxis(row.name, "the list of choices is empty; give at least one value")
    values = tuple(check_value(row, value) for value in axis.values)
    twice = [v for i, v in enumerate(values) if v in values[:i]]
    if twice:
        raise InvalidAxis(row.name, f"{_format(twice[0])} is listed twice; list each value once")
    return Choices(values=values)


def distribution_of(row: AxisRow, axis: Axis) -> BaseDistribution:
    """Return the Optuna distribution of an axis in normal form."""
    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.values)
    if row.kind is AxisKind.INTEGER:
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, axis.log, axis.step)


def axis_size(row: AxisRow, axis: Axis) -> int | None:
    """Return the number of values of an axis in normal form; None where it is continuous."""
    if isinstance(axis, Choices):
        return len(axis.values)
    step = 1 if row.kind is AxisKind.INTEGER and axis.step is None else axis.step
    return None if step is None else _steps(axis, step) + 1


def clip(row: AxisRow, axis: Axis, value: ParamValue) -> ParamValue:
    """Return the value of an axis in normal form that is nearest to a legal `value`.

    Distance is a ratio among the choices of an axis whose default is logarithmic. Names and null
    have no distance: the result is `value` where the axis has it, else its first choice, or the
    low end of a range.
    """
    if isinstance(axis, Choices):
        numbers = [v for v in axis.values if _is_number(v)]
        if value in axis.values or not _is_number(value) or not numbers:
            return value if value in axis.values else axis.values[0]
        return min(numbers, key=lambda v: abs(_position(row, v) - _position(row, value)))
    clipped = min(max(_float(value), axis.low), axis.high) if _is_number(value) else axis.low
    if axis.step is not None:
        on_grid = axis.low + axis.step * round((clipped - axis.low) / axis.step)
        clipped = min(on_grid, axis.high)
    return round(clipped) if row.kind is AxisKind.INTEGER else float(clipped)


def _position(row: AxisRow, value: ParamValue) -> float:
    by_ratio = isinstance(row.default, Range) and row.default.log
    return log(max(_float(value), 1e-12)) if by_ratio else _float(value)


def contains(row: AxisRow, axis: Axis, value: ParamValue) -> bool:
    """Return whether an axis in normal form contains a legal `value`, up to rounding."""
    if isinstance(axis, Choices):
        return value in axis.values
    if not _is_number(value):
        return False
    if axis.step is None:
        return axis.low <= _float(value) <= axis.high
    off_grid = abs(_float(clip(row, axis, value)) - _float(value))
    return off_grid <= 1e-8 * axis.step


def format_axis(axis: Axis) -> str:
    """Return an axis as text for messages, such as `[1, 9] in steps of 2`."""
    if isinstance(axis, Choices):
        return ("only " if axis.is_fixed else "") + ", ".join(map(_format, axis.values))
    grid = "" if axis.step is None else f" in steps of {axis.step:g}"
    return f"[{axis.low:g}, {axis.high:g}]{grid}"


def _check_range(row: AxisRow, axis: Range) -> Range:
    if row.kind is AxisKind.CATEGORICAL:
        raise InvalidAxis(
            row.name,
            "a range makes no sense for names; list some of "
            f"{', '.join(map(_format, row.choices))}",
        )
    low, high = check_value(row, axis.low), check_value(row, axis.high)
    checked = Range(low=_float(low), high=_float(high), step=axis.step, log=axis.log)
    if checked.low > checked.high:
        raise InvalidAxis(
            row.name, f"low {_format(low)} is greater than high {_format(high)}; swap them"
        )
    if axis.log and checked.low <= 0.0:
        raise InvalidAxis(
            row.name,
            f"a logarithmic range must start above 0, not at {_format(low)}; "
            f"raise low or leave out log",
        )
    if axis.step is None:
        return checked
    return _check_step(row, checked, axis.step)


def _check_step(row: AxisRow, axis: Range, step: float) -> Range:
    if axis.log:
        raise InvalidAxis(row.name, "a range has either a step or log, not both; leave one out")
    if not isfinite(step) or step <= 0.0:
        raise InvalidAxis(row.name, f"step {_format(step)} must be greater than 0")
    if row.kind is AxisKind.INTEGER and step != int(step):
        raise InvalidAxis(row.name, f"step {_format(step)} must be a whole number")
    if (axis.high - axis.low) / step > MOST_STEPS:
        raise InvalidAxis(
            row.name,
            f"step {_format(step)} cuts [{axis.low:g}, {axis.high:g}] into more than "
            f"{MOST_STEPS:,} parts; leave out step to search all values",
        )
    steps = _steps(axis, step)
    high = float(Decimal(str(axis.low)) + steps * Decimal(str(step)))
    return Range(low=axis.low, high=high, step=step)


def _steps(axis: Range, step: float) -> int:
    # In decimal, as Optuna does: 0.3 / 0.1 is 3, not 2.9999999999999996.
    return int((Decimal(str(axis.high)) - Decimal(str(axis.low))) // Decimal(str(step)))


def _check_choice(row: AxisRow, value: object) -> ParamValue:
    if isinstance(value, str):
        if value in row.refused:
            raise InvalidAxis(row.name, f"'{value}' cannot be used here. {row.refused[value]}")
        value = row.aliases.get(value, value)
    for choice in row.choices:
        if type(value) is type(choice) and value == choice:
            return choice
    known = [c if isinstance(c, str) else _format(c) for c in row.choices]
    shown = shorten(value, 60) if isinstance(value, str) else value
    raise UnknownChoice(row.name, shown, known, pointer=f"/space/{row.name}")


def _check_number(row: AxisRow, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        off = " or null" if row.nullable else ""
        raise InvalidAxis(row.name, f"{_format(value)} is not a number; give numbers{off}")
    low, high = row.bounds or (float("-inf"), float("inf"))
    if not low <= value <= high:  # NaN too
        raise InvalidAxis(
            row.name, f"{_format(value)} is not allowed; it must lie in [{low:g}, {high:g}]"
        )
    return float(value)


def _check_integer(row: AxisRow, value: object) -> int:
    number = _check_number(row, value)
    if number != int(number):
        raise InvalidAxis(row.name, f"{_format(value)} must be a whole number")
    return int(number)


_CHECK: dict[AxisKind, Callable[[AxisRow, object], ParamValue]] = {
    AxisKind.CATEGORICAL: _check_choice,
    AxisKind.INTEGER: _check_integer,
    AxisKind.REAL: _check_number,
}


def _is_number(value: ParamValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: ParamValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _format(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"'{shorten(value, 60)}'" if isinstance(value, str) else str(value)
