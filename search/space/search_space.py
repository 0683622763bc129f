"""The search space of one study: the axes of its spec over the defaults of `search.space.axes`.

A configuration is a mapping from axis to value. It holds every axis that exists in it, fixed axes
included. Some axes are conditional: a slope exists only with its activation, momentum only with
sgd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from search.activations import Activation, ActivationName, own_activation
from search.activations.check import check_activation
from search.errors import InvalidAxis, InvalidInput, UnknownChoice
from search.space.axes import AXES, AXIS_ALIASES, AxisRow, parameter_axis
from search.space.axis_rules import (
    axis_size,
    check_axis,
    check_value,
    clip,
    contains,
    distribution_of,
    format_axis,
)
from search.study import Axis, Choices, Expression, ParamValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """The axes of a study. `build_space` makes and checks it."""

    #: Every axis that can exist in this study, in normal form; a conditional axis comes after the
    #: axis of its condition.
    axes: Mapping[str, Axis]
    #: Every axis that there may be, those of the activations `own` among them.
    rows: Mapping[str, AxisRow] = field(default_factory=lambda: AXES)
    #: Activations of the person's own, by name.
    own: Mapping[str, Activation] = field(default_factory=dict)
    #: Optuna's distribution of each searched axis, made once, since every trial needs all twice.
    _distributions: Mapping[str, BaseDistribution] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the distributions of the searched axes."""
        made = {name: distribution_of(self.rows[name], self.axes[name]) for name in self.searched}
        object.__setattr__(self, "_distributions", made)

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of the activations, in the order of the spec."""
        return tuple(str(value) for value in _values(self.axes["activation"]))

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the axes that are not fixed."""
        return tuple(name for name, axis in self.axes.items() if not axis.is_fixed)

    def suggest(self, trial: BaseTrial) -> dict[str, ParamValue]:
        """Return a whole configuration, with `trial`'s suggestions for the axes searched in it."""
        params: dict[str, ParamValue] = {}
        for name, axis in self.axes.items():
            if not _exists(self.rows[name], params):
                continue
            if axis.is_fixed:
                params[name] = _values(axis)[0]
            else:
                params[name] = _suggest(trial, name, self._distributions[name])
        return params

    def distributions(self, params: Mapping[str, ParamValue]) -> dict[str, BaseDistribution]:
        """Return Optuna's distributions of the searched axes that exist in `params`.

        A trial in which `suggest` gave `params` holds the same distributions.
        """
        return {
            name: distribution
            for name, distribution in self._distributions.items()
            if _exists(self.rows[name], params)
        }

    def baseline(self) -> dict[str, ParamValue] | None:
        """Return the usual network (ReLU, He initialization, two layers) as near as the space goes.

        None where ReLU is not in the space.
        """
        if ActivationName.RELU.value not in self.activations:
            return None
        params: dict[str, ParamValue] = {}
        for name, axis in self.axes.items():
            if _exists(self.rows[name], params):
                params[name] = clip(self.rows[name], axis, self.rows[name].usual)
        return params

    def check(self, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Return a requested configuration, whole or in part, in normal form.

        Raises UnknownChoice for an axis or name that this space does not have, InvalidInput for a
        value outside its axis or for a conditional axis whose condition the other values break.
        """
        given = {AXIS_ALIASES.get(name, name): value for name, value in params.items()}
        for name in given:
            if name not in self.axes:
                raise UnknownChoice(
                    "axis of this study", name, self.axes, pointer=f"/params/{name}"
                )
        checked = {name: self._check_one(name, given[name]) for name in self.axes if name in given}
        for name in checked:
            self._check_condition(self.rows[name], checked)
        return checked

    def stratum(self, activation: str) -> dict[str, ParamValue]:
        """Return the part of a configuration that makes a trial one of `activation`.

        The sampler chooses the rest. The part is empty where the activation is fixed. Raises
        UnknownChoice where the space has no such activation.
        """
        if activation not in self.activations:
            raise UnknownChoice("activation of this study", activation, self.activations)
        return {} if self.axes["activation"].is_fixed else {"activation": activation}

    @property
    def continuous(self) -> tuple[str, ...]:
        """Names of the axes with infinitely many values."""
        return tuple(n for n, axis in self.axes.items() if axis_size(self.rows[n], axis) is None)

    def grid_size(self) -> int | None:
        """Return the number of configurations; None where an axis is continuous."""
        if self.continuous:
            return None
        rows = [self.rows[name] for name in self.axes]
        holders = {row.condition.axis for row in rows if row.condition}
        return prod(
            self._branches(name) if name in holders else self._size(name)
            for name, axis in self.axes.items()
            if self.rows[name].condition is None
        )

    def _branches(self, holder: str) -> int:
        """Count the configurations of the axis `holder` and the axes that depend on it."""
        return sum(
            prod(
                self._size(name)
                for name in self.axes
                if (condition := self.rows[name].condition) is not None
                and condition.axis == holder
                and condition.value == value
            )
            for value in _values(self.axes[holder])
        )

    def _size(self, name: str) -> int:
        return axis_size(self.rows[name], self.axes[name]) or 0

    def _check_one(self, name: str, value: ParamValue) -> ParamValue:
        try:
            checked = check_value(self.rows[name], value)
        except InvalidInput as error:
            error.pointer = f"/params/{name}"
            raise
        if not contains(self.rows[name], self.axes[name], checked):
            raise InvalidInput(
                f"'{name}' cannot be {checked} in this study, which searches "
                f"{format_axis(self.axes[name])}; choose a value there, or start another study",
                pointer=f"/params/{name}",
            )
        # A value on a grid of steps may come rounded: 0.30000000000000004 means 0.3.
        return clip(self.rows[name], self.axes[name], checked)

    def _check_condition(self, row: AxisRow, params: Mapping[str, ParamValue]) -> None:
        if row.condition is None:
            return
        axis, value = row.condition.axis, row.condition.value
        fixed = _values(self.axes[axis])[0] if self.axes[axis].is_fixed else None
        if params.get(axis, fixed) != value:
            raise InvalidInput(
                f"'{row.name}' exists only where {axis} is '{value}'; "
                f"set {axis} to '{value}' or leave '{row.name}' out",
                pointer=f"/params/{row.name}",
            )


def build_space(
    overrides: Mapping[str, Axis], expressions: Sequence[Expression] = ()
) -> SearchSpace:
    """Return the default space with the axes in `overrides` replaced, by name or alias.

    `expressions` are activations of the person's own, which the axis `activation` may name.
    Raises UnknownChoice for a name that is not known, InvalidAxis for an axis that cannot be
    searched or would exist in no configuration.
    """
    own = _own(expressions)
    rows = _rows(own)
    asked = _by_true_name(overrides, rows)
    axes: dict[str, Axis] = {}
    for name, row in rows.items():
        if row.condition is None or row.condition.value in _values(axes[row.condition.axis]):
            axes[name] = check_axis(row, asked.get(name, row.default))
        elif name in asked:
            holder, value = row.condition.axis, row.condition.value
            raise InvalidAxis(
                name,
                f"it exists only with {holder} '{value}', which this space does not have; "
                f"add '{value}' to {holder} or leave '{name}' out",
            )
    _check_rrelu(axes)
    unused = set(own) - set(_values(axes["activation"]))
    if unused:
        raise InvalidAxis(
            "activation",
            f"the expression '{min(unused)}' is defined but not listed; list it or leave it out",
        )
    return SearchSpace(axes=axes, rows=rows, own=own)


def _own(expressions: Sequence[Expression]) -> dict[str, Activation]:
    """Return the activations of `expressions` by name, each checked to be trainable.

    Raises InvalidAxis where one is not.
    """
    own: dict[str, Activation] = {}
    for expression in expressions:
        if expression.name in own:
            raise InvalidAxis(
                "activation",
                f"two expressions are called '{expression.name}'; give each a name of its own",
            )
        try:
            row = own_activation(expression)
            check_activation(row)
        except InvalidInput as error:
            raise InvalidAxis("activation", f"'{expression.name[:60]}': {error.detail}") from error
        own[expression.name] = row
    return own


def _rows(own: Mapping[str, Activation]) -> dict[str, AxisRow]:
    """Return AXES with the activations `own` among the choices and their parameters as axes."""
    if not own:
        return AXES
    activation = AXES["activation"]
    rows = {**AXES, "activation": replace(activation, choices=(*activation.choices, *own))}
    for row in own.values():
        for parameter in row.parameters:
            axis = parameter_axis(row, parameter)
            if axis.name in rows:
                raise InvalidAxis(
                    "activation",
                    f"two activations have an axis called '{axis.name}'; rename '{row.name}'",
                )
            rows[axis.name] = axis
    return rows


def _by_true_name(overrides: Mapping[str, Axis], rows: Mapping[str, AxisRow]) -> dict[str, Axis]:
    asked: dict[str, Axis] = {}
    for name, axis in overrides.items():
        true = AXIS_ALIASES.get(name, name)
        if true not in rows:
            raise UnknownChoice("axis", name, rows, pointer=f"/space/{name}")
        if true in asked:
            raise InvalidAxis(name, f"it is another name of '{true}'; give only one of them")
        asked[true] = axis
    return asked


def _check_rrelu(axes: Mapping[str, Axis]) -> None:
    """Check that every rrelu_lower is at most every rrelu_upper, the ends slopes are drawn from.

    Raises InvalidAxis otherwise.
    """
    lower, upper = axes.get("rrelu_lower"), axes.get("rrelu_upper")
    if lower is None or upper is None:
        return
    greatest, least = max(_ends(lower)), min(_ends(upper))
    if greatest > least:
        raise InvalidAxis(
            "rrelu_lower",
            f"it reaches {greatest:g}, above the least rrelu_upper, {least:g}; "
            f"keep all of rrelu_lower at or below all of rrelu_upper",
        )


def _ends(axis: Axis) -> tuple[float, ...]:
    if isinstance(axis, Choices):
        return tuple(float(v) for v in axis.values if isinstance(v, int | float))
    return (axis.low, axis.high)


def _values(axis: Axis) -> tuple[ParamValue, ...]:
    """Return the values of a list of choices, none of a range.

    In normal form every fixed axis is a list of one choice.
    """
    return axis.values if isinstance(axis, Choices) else ()


def _exists(row: AxisRow, params: Mapping[str, ParamValue]) -> bool:
    return row.condition is None or row.condition.holds(params)


def _suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> ParamValue:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(name, low, high, step=step, log=log)
    raise TypeError(f"{distribution!r} is not a distribution of this project")
