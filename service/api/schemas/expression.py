"""Activation functions of a person's own, as requested, and facts about them."""

from typing import Any

import numpy as np
from pydantic import ConfigDict, Field

from search.activations import Activation
from search.activations.check import Facts, check_activation
from search.study import Expression, ExpressionParameter
from service.api.schemas.base import Number, RequestModel, ResponseModel, Text

MAX_PARAMETERS = 20
#: Points of the curve: every quarter from -6 to 6.
_CURVE = [quarter / 4.0 for quarter in range(-24, 25)]

EXAMPLE: dict[str, Any] = {
    "name": "my_swish",
    "expression": "x * sigmoid(beta * x)",
    "parameters": {"beta": {"default": 1.0, "low": 0.1, "high": 3.0, "log": True, "learned": True}},
}


class ExpressionParameterModel(RequestModel):
    """A number of an expression."""

    default: Number = Field(description="Its value, or where training starts from.")
    low: Number | None = Field(
        default=None, description="Least value that is searched; null: it is not searched."
    )
    high: Number | None = Field(default=None, description="Greatest value that is searched.")
    log: bool = Field(default=False, strict=True, description="Search on a logarithmic scale.")
    learned: bool = Field(
        default=False, strict=True, description="Whether training changes it, one value a layer."
    )


class ExpressionModel(RequestModel):
    """An activation function of one's own."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Text = Field(
        description="The name of the arm: small letters, digits and _.", examples=["my_swish"]
    )
    expression: str = Field(
        max_length=1000,
        description="A formula in `x` and the parameters: numbers, `+ - * / **`, brackets, "
        "`where(x > 0, a, b)`, and functions such as `exp`, `tanh`, `sigmoid`, `sin`, `max`, "
        "`abs`; a name that is not known is answered with the list.",
        examples=["x * sigmoid(beta * x)"],
    )
    parameters: dict[Text, ExpressionParameterModel] = Field(
        default_factory=dict, max_length=MAX_PARAMETERS, description="By the name in the formula."
    )

    def to_expression(self) -> Expression:
        """Return the expression as a plain value."""
        return Expression(
            name=self.name,
            expression=self.expression,
            parameters=tuple(
                ExpressionParameter(
                    name=name,
                    default=float(one.default),
                    low=None if one.low is None else float(one.low),
                    high=None if one.high is None else float(one.high),
                    log=one.log,
                    learned=one.learned,
                )
                for name, one in self.parameters.items()
            ),
        )

    @classmethod
    def from_expression(cls, expression: Expression) -> "ExpressionModel":
        """Return `expression` in the wire format."""
        return cls(
            name=expression.name,
            expression=expression.expression,
            parameters={
                one.name: ExpressionParameterModel(
                    default=one.default, low=one.low, high=one.high, log=one.log,
                    learned=one.learned,
                )
                for one in expression.parameters
            },
        )  # fmt: skip


class ShapeOut(ResponseModel):
    """A function at some points."""

    x: list[float] = Field(description="Inputs, from -6 to 6.")
    y: list[float] = Field(description="Values.")
    slope: list[float] = Field(description="Derivatives.")


class ExpressionFactsOut(ResponseModel):
    """Facts of an activation function, at the default parameters."""

    name: str = Field(description="As given.")
    expression: str = Field(description="As given.")
    derivative: str | None = Field(
        description="By `x`, in the same notation, at a kink that of one side; null where it is "
        "too long to be written out."
    )
    gain: float = Field(
        description="What an initializer multiplies with so that signals keep their size."
    )
    low: float = Field(description="Least value on [-50, 50].")
    high: float = Field(description="Greatest value on [-50, 50].")
    value_at_zero: float = Field(description="f(0).")
    slope_at_zero: float = Field(description="f'(0).")
    increasing: bool = Field(description="Whether the slope is negative nowhere.")
    operations: int = Field(
        description="Cost of one element: 1 for a sum, 10 for an exponential; relu has 1, mish 32."
    )
    axes: list[str] = Field(description="Names of the axes of its parameters in a search space.")
    warnings: list[str] = Field(description="What may disappoint, such as a jump.")
    curve: ShapeOut = Field(description="Its shape.")

    @classmethod
    def from_row(cls, row: Activation) -> "ExpressionFactsOut":
        """Return facts of `row`; raises InvalidInput where it cannot be trained with."""
        facts: Facts = check_activation(row)
        return cls(
            name=row.name,
            expression=row.formula,
            derivative=facts.derivative,
            gain=facts.gain,
            low=facts.low,
            high=facts.high,
            value_at_zero=facts.value_at_zero,
            slope_at_zero=facts.slope_at_zero,
            increasing=facts.increasing,
            operations=row.operations,
            axes=[row.axis_name(parameter.name) for parameter in row.parameters],
            warnings=list(facts.warnings),
            curve=_curve(row),
        )


def _curve(row: Activation) -> ShapeOut:
    points, numbers = np.array(_CURVE), row.numbers({})
    return ShapeOut(
        x=_CURVE,
        y=row.function(points, numbers).tolist(),
        slope=row.slope(points, numbers).tolist(),
    )
