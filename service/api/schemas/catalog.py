"""The catalog of activations, initializers, samplers, pruners and findings."""

from typing import Any

from pydantic import Field

from search.activations import Activation, Parameter
from search.diagnostics.rule import Rule
from search.space.initializers import Initializer
from search.study import Choices, Task
from service.api.schemas.base import ResponseModel, Scalar
from service.api.schemas.study import RangeModel


class ParameterOut(ResponseModel):
    """A parameter of an activation."""

    name: str = Field(description="Within the activation.")
    axis: str = Field(description="Name of its axis in a search space.", examples=["prelu_slope"])
    description: str = Field(description="What it does.")
    default: Scalar = Field(description="Its value where it is not searched.")
    choices: list[Scalar] | None = Field(description="null for a number.")
    low: float | None = Field(description="Least value that is allowed.")
    high: float | None = Field(description="Greatest value that is allowed.")
    searched: bool = Field(description="Whether a study that does not mention it searches it.")
    learned: bool | str = Field(
        description="Whether training changes it; a name says which parameter decides that."
    )
    default_axis: RangeModel | list[Scalar] = Field(
        description="The axis of a study that does not mention it."
    )

    @classmethod
    def from_parameter(cls, parameter: Parameter, axis: str) -> "ParameterOut":
        """Return `parameter`, whose axis is called `axis`, in the wire format."""
        low, high = parameter.bounds or (None, None)
        usual = parameter.axis
        return cls(
            name=parameter.name,
            axis=axis,
            description=parameter.description,
            default=parameter.default,
            choices=list(parameter.choices) or None,
            low=low,
            high=high,
            searched=parameter.searched,
            learned=parameter.learned,
            default_axis=list(usual.values)
            if isinstance(usual, Choices)
            else RangeModel(low=usual.low, high=usual.high, step=usual.step, log=usual.log),
        )


class ActivationOut(ResponseModel):
    """An activation function."""

    name: str = Field(description="As in `space.activation`.", examples=["prelu"])
    title: str = Field(description="For people.")
    aliases: list[str] = Field(description="Other spellings that are taken.")
    formula: str = Field(description="`z` is the pre-activation.")
    parameters: list[ParameterOut] = Field(description="Its own parameters, such as a slope.")
    gain: float = Field(
        description="What an initializer multiplies with so that signals keep their size, at the "
        "default parameters."
    )
    hidden: bool = Field(description="Whether it may stand in hidden layers.")
    output_for: list[Task] = Field(description="Tasks at whose output it stands.")
    paper: str = Field(description="Where it comes from.")
    note: str = Field(description="What else is worth knowing.")

    @classmethod
    def from_row(cls, row: Activation) -> "ActivationOut":
        """Return `row` in the wire format."""
        return cls(
            name=row.name,
            title=row.title,
            aliases=list(row.aliases),
            formula=row.formula,
            parameters=[
                ParameterOut.from_parameter(parameter, row.axis_name(parameter.name))
                for parameter in row.parameters
            ],
            gain=row.gain(row.numbers({})),
            hidden=row.hidden,
            output_for=list(row.output_for),
            paper=row.paper,
            note=row.note,
        )


class InitializerOut(ResponseModel):
    """A rule by which first weights are drawn."""

    name: str = Field(description="As in `space.initializer`.", examples=["kaiming_normal"])
    title: str = Field(description="For people.")
    formula: str = Field(description="`g` is the gain of the activation before the layer.")
    distribution: str = Field(description="What the weights are drawn from.")
    uses_gain: bool = Field(description="Whether the activation's gain enters.")
    bias: str = Field(description="How biases begin.")
    paper: str = Field(description="Where it comes from.")

    @classmethod
    def from_row(cls, row: Initializer) -> "InitializerOut":
        """Return `row` in the wire format."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class ActivationList(ResponseModel):
    """All activation functions."""

    items: list[ActivationOut] = Field(description="The activations.")


class InitializerList(ResponseModel):
    """All initializers."""

    items: list[InitializerOut] = Field(description="The initializers.")


class ToolOut(ResponseModel):
    """A sampler or pruner."""

    name: str = Field(description="As in `sampler.name` or `pruner.name`.", examples=["tpe"])
    title: str = Field(description="For people.")
    description: str = Field(description="What it does and when to choose it.")
    default: bool = Field(description="What a study that names none gets.")

    @classmethod
    def from_row(cls, row: Any, *, default: str) -> "ToolOut":
        """Return a row of the sampler or pruner table in the wire format."""
        return cls(name=row.name, title=row.title, description=row.description,
                   default=row.name == default)  # fmt: skip


class ToolList(ResponseModel):
    """All samplers, or all pruners."""

    items: list[ToolOut] = Field(description="The samplers or pruners.")


class RuleOut(ResponseModel):
    """What may be found wrong with a training."""

    name: str = Field(description="As in `flags` and `findings`.", examples=["dying_relu"])
    title: str = Field(description="For people.")
    meaning: str = Field(description="What it is, in a sentence.")
    thresholds: dict[str, float] = Field(description="What is measured is compared with these.")
    source: str = Field(description="Where the rule and its thresholds come from.")
    ends: bool = Field(
        description="Whether such a training is ended at the next rung, unless nothing is pruned."
    )

    @classmethod
    def from_rule(cls, rule: Rule) -> "RuleOut":
        """Return `rule` in the wire format."""
        return cls(**{name: getattr(rule, name) for name in cls.model_fields})


class FindingList(ResponseModel):
    """All findings there may be, the worst first."""

    items: list[RuleOut] = Field(description="The findings.")
