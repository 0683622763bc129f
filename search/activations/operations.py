"""The operations of a formula, one row each: arity, cost, form in array libraries, derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any, TypeAlias

from search.activations.expression_tree import Node, node
from search.activations.formulas import Namespace

#: Partial derivatives by each operand, from the operands and the node of the operation itself.
Partials: TypeAlias = Callable[..., tuple[Node | float, ...]]

_TWO_OVER_ROOT_PI = 2.0 / sqrt(pi)
_NORMAL_PEAK = 1.0 / sqrt(2.0 * pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """All facts of one operation on numbers."""

    name: str
    #: The operation on arrays of the namespace given first.
    on_arrays: Callable[..., Any]
    #: `partials(*operands, result)` gives the derivative by each operand.
    #: None for choices between operands, which `search.activations.derivative` treats apart.
    partials: Partials | None = None
    operands: int = 1
    #: Cost of one element, as `Activation.operations` counts: 1 for a sum or comparison, 10 for an
    #: exponential, logarithm, tanh, Φ, sine.
    cost: int = 10


def _power(xp: Namespace, x: Any, y: Any) -> Any:
    return x**y


def _power_partials(x: Node, y: Node, result: Node) -> tuple[Node | float, ...]:
    by_base = y * x ** (y - 1.0)
    return (by_base, 0.0 if y.is_number else result * node("log", x))


def _arithmetic() -> tuple[Operation, ...]:
    return (
        Operation(
            name="add", operands=2, cost=1,
            on_arrays=lambda xp, x, y: x + y, partials=lambda x, y, r: (1.0, 1.0),
        ),
        Operation(
            name="subtract", operands=2, cost=1,
            on_arrays=lambda xp, x, y: x - y, partials=lambda x, y, r: (1.0, -1.0),
        ),
        Operation(
            name="multiply", operands=2, cost=1,
            on_arrays=lambda xp, x, y: x * y, partials=lambda x, y, r: (y, x),
        ),
        Operation(
            name="divide", operands=2, cost=1,
            on_arrays=lambda xp, x, y: x / y, partials=lambda x, y, r: (1.0 / y, -r / y),
        ),
        Operation(name="power", operands=2, on_arrays=_power, partials=_power_partials, cost=20),
        Operation(
            name="negative", cost=1, on_arrays=lambda xp, x: -x, partials=lambda x, r: (-1.0,),
        ),
    )  # fmt: skip


def _choices() -> tuple[Operation, ...]:
    # Comparisons are such that NaN comes out as NaN where it goes in first.
    return (
        Operation(
            name="less", operands=2, cost=1,
            on_arrays=lambda xp, x, y: x < y, partials=lambda x, y, r: (0.0, 0.0),
        ),
        Operation(
            name="less_equal", operands=2, cost=1,
            on_arrays=lambda xp, x, y: x <= y, partials=lambda x, y, r: (0.0, 0.0),
        ),
        Operation(
            name="where", operands=3, cost=1,
            on_arrays=lambda xp, c, x, y: xp.where(c, x, y),
        ),
        Operation(
            name="maximum", operands=2, cost=1,
            on_arrays=lambda xp, x, y: xp.where(x < y, y, x),
        ),
        Operation(
            name="minimum", operands=2, cost=1,
            on_arrays=lambda xp, x, y: xp.where(y < x, y, x),
        ),
        Operation(
            name="abs", cost=1,
            on_arrays=lambda xp, x: xp.abs(x), partials=lambda x, r: (node("sign", x),),
        ),
        Operation(
            name="sign", cost=1,
            on_arrays=lambda xp, x: xp.sign(x), partials=lambda x, r: (0.0,),
        ),
    )  # fmt: skip


def _functions() -> tuple[Operation, ...]:
    return (
        Operation(name="sqrt", on_arrays=lambda xp, x: xp.sqrt(x), cost=2,
                  partials=lambda x, r: (0.5 / r,)),
        Operation(name="exp", on_arrays=lambda xp, x: xp.exp(x), partials=lambda x, r: (r,)),
        Operation(name="expm1", on_arrays=lambda xp, x: xp.expm1(x),
                  partials=lambda x, r: (r + 1.0,)),
        Operation(name="log", on_arrays=lambda xp, x: xp.log(x), partials=lambda x, r: (1.0 / x,)),
        Operation(name="log1p", on_arrays=lambda xp, x: xp.log1p(x),
                  partials=lambda x, r: (1.0 / (1.0 + x),)),
        Operation(name="sin", on_arrays=lambda xp, x: xp.sin(x),
                  partials=lambda x, r: (node("cos", x),)),
        Operation(name="cos", on_arrays=lambda xp, x: xp.cos(x),
                  partials=lambda x, r: (-node("sin", x),)),
        Operation(name="atan", on_arrays=lambda xp, x: xp.arctan(x),
                  partials=lambda x, r: (1.0 / (1.0 + x * x),)),
        Operation(name="tanh", on_arrays=lambda xp, x: xp.tanh(x),
                  partials=lambda x, r: (1.0 - r * r,)),
        Operation(name="sigmoid", on_arrays=lambda xp, x: xp.expit(x), cost=12,
                  partials=lambda x, r: (r - r * r,)),
        Operation(name="softplus", on_arrays=lambda xp, x: xp.logaddexp(xp.zeros_like(x), x),
                  partials=lambda x, r: (node("sigmoid", x),), cost=21),
        Operation(name="erf", on_arrays=lambda xp, x: xp.erf(x),
                  partials=lambda x, r: (_TWO_OVER_ROOT_PI * node("exp", -(x * x)),)),
        Operation(name="normal_cdf", on_arrays=lambda xp, x: xp.ndtr(x),
                  partials=lambda x, r: (_NORMAL_PEAK * node("exp", -0.5 * (x * x)),)),
    )  # fmt: skip


OPERATIONS: dict[str, Operation] = {
    row.name: row for row in (*_arithmetic(), *_choices(), *_functions())
}
