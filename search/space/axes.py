"""The axes a study can search, one row each: legal values, defaults and the condition to exist.

The general axes are listed here. The parameters of an activation, such as a slope, are axes too,
made from the table of activations; they exist only in configurations with that activation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from search.activations import ACTIVATIONS, Activation, ActivationName, Parameter
from search.activations.gains import GainRule
from search.space.initializers import InitializerName
from search.study import Axis, Choices, ParamValue, Range, Scaling


class AxisKind(StrEnum):
    """The kind of an axis's values: names and flags, whole numbers, or real numbers."""

    CATEGORICAL = "categorical"
    INTEGER = "integer"
    REAL = "real"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The condition of a conditional axis: the axis called `axis` has `value`."""

    axis: str
    value: str

    def holds(self, params: Mapping[str, ParamValue]) -> bool:
        """Whether it is fulfilled in a configuration."""
        return params.get(self.axis) == self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisRow:
    """All facts of one axis."""

    name: str
    description: str
    kind: AxisKind
    #: Values searched by a study whose spec leaves this axis out.
    default: Axis
    #: The common setting that the baseline trial takes.
    usual: ParamValue
    #: Legal values of a categorical axis.
    choices: tuple[ParamValue, ...] = ()
    #: Least and greatest legal value of a number.
    bounds: tuple[float, float] | None = None
    #: Whether None (off) is legal beside the numbers.
    nullable: bool = False
    condition: Condition | None = None
    #: Alias of a value -> the value.
    aliases: Mapping[str, str] = field(default_factory=dict)
    #: Known value that is not legal here -> the reason, for the error.
    refused: Mapping[str, str] = field(default_factory=dict)


def _fixed(value: ParamValue) -> Choices:
    return Choices(values=(value,))


def _hidden() -> Iterator[Activation]:
    return (row for row in ACTIVATIONS.values() if row.hidden)


#: The axes of every network. Their usual values are ReLU with He initialization, two layers of 64.
_GENERAL: tuple[AxisRow, ...] = (
    AxisRow(
        name="activation",
        description="activation function of every hidden layer",
        kind=AxisKind.CATEGORICAL,
        choices=tuple(row.name for row in _hidden()),
        default=Choices(
            values=(
                ActivationName.RELU.value,
                ActivationName.LEAKY_RELU.value,
                ActivationName.PRELU.value,
                ActivationName.ELU.value,
                ActivationName.SELU.value,
                ActivationName.GELU.value,
                ActivationName.SILU.value,
                ActivationName.MISH.value,
                ActivationName.TANH.value,
                ActivationName.SIGMOID.value,
            )
        ),
        usual=ActivationName.RELU.value,
        aliases={alias: row.name for row in _hidden() for alias in row.aliases},
        refused={r.name: r.note for r in ACTIVATIONS.values() if not r.hidden},
    ),
    AxisRow(
        name="initializer",
        description="how the first weights are drawn",
        kind=AxisKind.CATEGORICAL,
        choices=tuple(name.value for name in InitializerName),
        default=Choices(
            values=(
                InitializerName.XAVIER_UNIFORM.value,
                InitializerName.KAIMING_NORMAL.value,
                InitializerName.LECUN_NORMAL.value,
                InitializerName.SCALED_ORTHOGONAL.value,
            )
        ),
        usual=InitializerName.KAIMING_NORMAL.value,
        aliases={
            "glorot_uniform": InitializerName.XAVIER_UNIFORM.value,
            "glorot_normal": InitializerName.XAVIER_NORMAL.value,
            "he_uniform": InitializerName.KAIMING_UNIFORM.value,
            "he_normal": InitializerName.KAIMING_NORMAL.value,
        },
    ),
    AxisRow(
        name="gain",
        description="what scaled_orthogonal asks of a layer: to keep the variance of signals, or "
        "to be critical, which keeps the size of gradients too",
        kind=AxisKind.CATEGORICAL,
        choices=tuple(rule.value for rule in GainRule),
        default=_fixed(GainRule.CRITICAL.value),
        usual=GainRule.CRITICAL.value,
        condition=Condition(axis="initializer", value=InitializerName.SCALED_ORTHOGONAL.value),
    ),
    AxisRow(
        name="depth",
        description="number of hidden layers",
        kind=AxisKind.INTEGER,
        bounds=(1, 50),
        default=Range(low=1, high=6),
        usual=2,
    ),
    AxisRow(
        name="width",
        description="units in every hidden layer",
        kind=AxisKind.INTEGER,
        bounds=(1, 4096),
        default=_fixed(64),
        usual=64,
    ),
    AxisRow(
        name="learning_rate",
        description="step size of the optimizer at the start of the schedule",
        kind=AxisKind.REAL,
        bounds=(1e-8, 10.0),
        default=Range(low=1e-4, high=1e-1, log=True),
        usual=1e-3,
    ),
    AxisRow(
        name="weight_decay",
        description="decay of the weights towards zero, decoupled from the gradient in adamw",
        kind=AxisKind.REAL,
        bounds=(0.0, 1.0),
        default=Range(low=1e-6, high=1e-2, log=True),
        usual=1e-4,
    ),
    AxisRow(
        name="dropout",
        description="probability that a hidden unit is dropped in a training step",
        kind=AxisKind.REAL,
        bounds=(0.0, 0.95),
        default=_fixed(0.0),
        usual=0.0,
    ),
    AxisRow(
        name="normalization",
        description="normalization between linear map and activation",
        kind=AxisKind.CATEGORICAL,
        choices=("none", "batch", "layer"),
        default=_fixed("none"),
        usual="none",
    ),
    AxisRow(
        name="gradient_clip",
        description="greatest norm of the gradient of one network, null for no clipping",
        kind=AxisKind.REAL,
        bounds=(1e-6, 1e6),
        nullable=True,
        default=_fixed(None),
        usual=None,
    ),
    AxisRow(
        name="batch_size",
        description="rows in a minibatch",
        kind=AxisKind.INTEGER,
        bounds=(1, 8192),
        default=_fixed(64),
        usual=64,
    ),
    AxisRow(
        name="optimizer",
        description="update rule",
        kind=AxisKind.CATEGORICAL,
        choices=("adamw", "sgd"),
        default=_fixed("adamw"),
        usual="adamw",
    ),
    AxisRow(
        name="momentum",
        description="share of the last update that sgd keeps",
        kind=AxisKind.REAL,
        bounds=(0.0, 0.999),
        default=_fixed(0.9),
        usual=0.9,
        condition=Condition(axis="optimizer", value="sgd"),
    ),
    AxisRow(
        name="scaling",
        description="how numeric columns are scaled, on the training rows of each fold",
        kind=AxisKind.CATEGORICAL,
        choices=tuple(scaling.value for scaling in Scaling),
        default=_fixed(Scaling.STANDARD.value),
        usual=Scaling.STANDARD.value,
    ),
    AxisRow(
        name="schedule",
        description="learning rate over the epochs: constant, or falling to zero on a cosine",
        kind=AxisKind.CATEGORICAL,
        choices=("constant", "cosine"),
        default=_fixed("cosine"),
        usual="cosine",
    ),
    AxisRow(
        name="stopping",
        description="network that a training keeps: that of the last epoch, or that of the epoch "
        "with the least loss on 15 % of the training rows, which the weights are not fitted to",
        kind=AxisKind.CATEGORICAL,
        choices=("last", "best"),
        default=_fixed("last"),
        usual="last",
    ),
    AxisRow(
        name="patience",
        description="epochs without a lesser loss on those rows after which training ends",
        kind=AxisKind.INTEGER,
        bounds=(1, 100_000),
        default=_fixed(10),
        usual=10,
        condition=Condition(axis="stopping", value="best"),
    ),
)


def parameter_axis(activation: Activation, parameter: Parameter) -> AxisRow:
    """Return the axis of a parameter of an activation."""
    return AxisRow(
        name=activation.axis_name(parameter.name),
        description=f"{activation.title}: {parameter.description}",
        kind=AxisKind.REAL if parameter.is_number else AxisKind.CATEGORICAL,
        choices=parameter.choices,
        bounds=parameter.bounds,
        default=parameter.axis,
        usual=parameter.default,
        condition=Condition(axis="activation", value=activation.name),
    )


#: Every axis by name. A conditional axis comes after the axis of its condition.
AXES: dict[str, AxisRow] = {
    row.name: row
    for row in (
        *_GENERAL,
        *(parameter_axis(row, parameter) for row in _hidden() for parameter in row.parameters),
    )
}

#: Alias of an axis -> its name, such as swish_beta -> silu_beta.
AXIS_ALIASES: dict[str, str] = {
    f"{alias}_{parameter.name}": row.axis_name(parameter.name)
    for row in _hidden()
    for alias in row.aliases
    for parameter in row.parameters
}


def condition_of(name: str) -> Condition | None:
    """Return the condition of an axis of any study, None where it always exists.

    One that is not in AXES is of a parameter of a person's own activation, `<name>_<parameter>`.
    """
    return AXES[name].condition if name in AXES else _OwnCondition(axis="activation", value=name)


class _OwnCondition(Condition):
    """The condition of the axis called `value`, of an activation that no table has."""

    def holds(self, params: Mapping[str, ParamValue]) -> bool:
        """Whether the activation is the one whose parameter it is."""
        return self.value.startswith(f"{params.get(self.axis)}_")


def axes_catalog() -> list[dict[str, object]]:
    """Return the table of axes as the API documents it, one JSON-ready dictionary an axis."""
    return [
        {
            "name": row.name,
            "description": row.description,
            "kind": row.kind.value,
            "choices": list(row.choices),
            "low": row.bounds[0] if row.bounds else None,
            "high": row.bounds[1] if row.bounds else None,
            "nullable": row.nullable,
            "default": describe_axis(row.default),
            "exists_if": {row.condition.axis: row.condition.value} if row.condition else None,
        }
        for row in AXES.values()
    ]


def describe_axis(axis: Axis) -> object:
    """Return `axis` as the API writes it: a fixed value, a list, or a `{low, high, ...}` range."""
    if isinstance(axis, Choices):
        return axis.values[0] if axis.is_fixed else list(axis.values)
    extra: dict[str, object] = {} if axis.step is None else {"step": axis.step}
    return {"low": axis.low, "high": axis.high, **extra, **({"log": True} if axis.log else {})}
