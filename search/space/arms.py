"""The arms of a study: the values of the axis that its question names, each a space of its own.

An arm is one of the things compared. It is tuned by itself, so its space is the study's with the
axis of the question held at the arm's values. The values of a list are an arm each; a range is cut
into at most LEVELS levels of its values, such as depth 1-2, 3-4 and 5-6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import exp, inf, log, nextafter

import numpy as np

from search.activations import ACTIVATIONS, ActivationName
from search.errors import InvalidInput
from search.space.axes import AxisRow
from search.space.axis_rules import axis_size, check_axis, clip, contains
from search.space.initializers import InitializerName
from search.space.search_space import SearchSpace
from search.study import Axis, Choices, ParamValue, Question, Range

#: Most levels that a range is cut into: with more, each would be tuned too little.
LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _QuestionRow:
    """All facts of one question."""

    #: Name of its axis in a space.
    axis: Callable[[SearchSpace], str]
    #: What makes a configuration the usual network of the question.
    usual: Mapping[str, ParamValue]
    #: Axes that the question needs, where a spec leaves them out.
    axes: Mapping[str, Axis] = field(default_factory=dict)


def _named(name: str) -> Callable[[SearchSpace], str]:
    return lambda space: name


def _slope_axis(space: SearchSpace) -> str:
    """Return the slope of the one activation of `space`; raises InvalidInput without one."""
    names = space.activations
    if len(names) > 1 or names[0] not in _SLOPES:
        raise InvalidInput(
            "question 'slope' compares slopes of one activation that has a slope, but the space "
            f"has {', '.join(names)}; set activation to one of {', '.join(_SLOPES)}",
            pointer="/question",
        )
    return _SLOPES[names[0]]


#: Activation -> the axis of its slope for negative inputs.
_SLOPES: dict[str, str] = {
    row.name: row.axis_name("slope")
    for row in ACTIVATIONS.values()
    if any(parameter.name == "slope" for parameter in row.parameters)
}

_USUAL: Mapping[str, ParamValue] = {
    "activation": ActivationName.RELU.value,
    "initializer": InitializerName.KAIMING_NORMAL.value,
}

_QUESTIONS: dict[Question, _QuestionRow] = {
    Question.ACTIVATION: _QuestionRow(axis=_named("activation"), usual=_USUAL),
    Question.INITIALIZER: _QuestionRow(axis=_named("initializer"), usual=_USUAL),
    Question.DEPTH: _QuestionRow(axis=_named("depth"), usual={**_USUAL, "depth": 2}),
    Question.NORMALIZATION: _QuestionRow(
        axis=_named("normalization"), usual={**_USUAL, "normalization": "none"}
    ),
    # The baseline keeps the activation whose slopes are compared.
    Question.SLOPE: _QuestionRow(
        axis=_slope_axis,
        usual={"initializer": InitializerName.KAIMING_NORMAL.value},
        axes={"activation": Choices(values=(ActivationName.LEAKY_RELU.value,))},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The arms of one study. Made by `build_arms`."""

    question: Question
    #: The axis whose values are the arms.
    axis: str
    #: Name of each arm -> its part of that axis, in the order of the axis.
    parts: Mapping[str, Axis]
    _space: SearchSpace

    @property
    def _rows(self) -> Mapping[str, AxisRow]:
        return self._space.rows

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arms, in the order of the axis."""
        return tuple(self.parts)

    @property
    def grid_size(self) -> int | None:
        """Number of configurations of all arms; None where an axis is continuous."""
        return self._space.grid_size()

    def of(self, params: Mapping[str, ParamValue]) -> str:
        """Return the name of the arm that a configuration belongs to.

        A configuration outside the space, as a baseline may be, bears the name of its own value.
        """
        value, row = params.get(self.axis), self._rows[self.axis]
        for name, part in self.parts.items():
            if value is not None and contains(row, part, value):
                return name
        return _name(value)

    def of_part(self, params: Mapping[str, ParamValue]) -> str | None:
        """Return the arm of a part of a configuration; None where it leaves the axis open."""
        return self.of(params) if self.axis in params else None

    def space(self, arm: str) -> SearchSpace:
        """Return the space in which `arm` is tuned, without axes that cannot exist in it."""
        axes = {**self._space.axes, self.axis: self.parts[arm]}
        kept = {name: axis for name, axis in axes.items() if _can_exist(self._rows[name], axes)}
        return replace(self._space, axes=kept)

    def usual(self, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Return the usual network at the settings `params`: the baseline of the question."""
        row = self._rows[self.axis]
        usual = {**_QUESTIONS[self.question].usual}
        usual.setdefault(self.axis, row.usual)
        wanted = {**params, **usual}
        # An axis of another activation, its slope for one, does not exist beside ReLU.
        return {name: value for name, value in wanted.items() if _exists(self._rows[name], wanted)}

    @property
    def baseline(self) -> str:
        """Name of the arm that the usual value belongs to."""
        usual = _QUESTIONS[self.question].usual.get(self.axis, self._rows[self.axis].usual)
        return self.of({self.axis: usual})


def question_axes(question: Question) -> Mapping[str, Axis]:
    """Return the axes by which a space that leaves them out differs from the default space."""
    return _QUESTIONS[question].axes


def build_arms(space: SearchSpace, question: Question) -> Arms:
    """Return the arms of `question` in `space`; raises InvalidInput where it cannot be asked."""
    name = _QUESTIONS[question].axis(space)
    axis, row = space.axes[name], space.rows[name]
    if isinstance(axis, Choices):
        parts: dict[str, Axis] = {_name(v): Choices(values=(v,)) for v in axis.values}
    else:
        parts = {_level_name(row, level): level for level in _levels(row, axis)}
    return Arms(question=question, axis=name, parts=parts, _space=space)


def _levels(row: AxisRow, axis: Range) -> list[Axis]:
    """Cut a range into levels: of equally many values, or equally wide, by ratio if logarithmic."""
    count = axis_size(row, axis)
    if count is None:
        forward, back = (log, exp) if axis.log else (float, float)
        inner = np.linspace(forward(axis.low), forward(axis.high), LEVELS + 1)[1:-1]
        ends = [axis.low, *(back(end) for end in inner), axis.high]
        # A value between two levels belongs to the lower one.
        lows = [axis.low, *(nextafter(end, inf) for end in ends[1:-1])]
        return [replace(axis, low=a, high=b) for a, b in zip(lows, ends[1:], strict=True)]
    step = axis.step or 1.0
    space = np.geomspace if axis.log else np.linspace
    # Three levels are better than four where only three have equally many values.
    parts = LEVELS - 1 if count % LEVELS and count % (LEVELS - 1) == 0 else min(LEVELS, count)
    cuts = space(axis.low, axis.low + count * step, parts + 1)
    firsts = sorted({round((cut - axis.low) / step) for cut in cuts})
    return [
        check_axis(row, replace(axis, low=axis.low + a * step, high=axis.low + (b - 1) * step))
        for a, b in pairwise(firsts)
    ]


def _level_name(row: AxisRow, level: Axis) -> str:
    if isinstance(level, Choices):
        return _name(level.values[0])
    return "-".join(_name(clip(row, level, end)) for end in (level.low, level.high))


def _name(value: ParamValue) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _can_exist(row: AxisRow, axes: Mapping[str, Axis]) -> bool:
    if row.condition is None:
        return True
    holder = axes.get(row.condition.axis)
    return isinstance(holder, Choices) and row.condition.value in holder.values


def _exists(row: AxisRow, params: Mapping[str, ParamValue]) -> bool:
    return row.condition is None or params.get(row.condition.axis) == row.condition.value
