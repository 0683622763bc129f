"""The functions that a person may write in an expression, by the trees that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import e, pi
from typing import TypeAlias

from search.activations.expression_tree import Node, node, number

Build: TypeAlias = Callable[..., Node]

CONSTANTS = {"pi": pi, "e": e}


@dataclass(frozen=True, slots=True)
class WrittenFunction:
    """A function of an expression."""

    name: str
    #: Names of its arguments, for messages.
    arguments: tuple[str, ...]
    build: Build


def _one(operation: str) -> Build:
    return lambda x: node(operation, x)


def _asinh(x: Node) -> Node:
    size = node("abs", x)
    inner = size + size * size / (1.0 + node("sqrt", 1.0 + size * size))
    return node("sign", x) * node("log1p", inner)


def _sinc(x: Node) -> Node:
    far = x * x > number(1e-6)
    safe = node("where", far, x, number(1.0))
    return node("where", far, node("sin", safe) / safe, 1.0 - x * x / 6.0)


def _clip(x: Node, low: Node, high: Node) -> Node:
    return node("minimum", node("maximum", x, low), high)


_UNARY: dict[str, Build] = {
    **{name: _one(name) for name in ("abs", "sign", "sqrt", "exp", "expm1", "log", "log1p", "sin",
                                     "cos", "atan", "tanh", "sigmoid", "softplus", "erf")},
    "arctan": _one("atan"),
    "normal_cdf": _one("normal_cdf"),
    "square": lambda x: x * x,
    "sinh": lambda x: 0.5 * (node("exp", x) - node("exp", -x)),
    "cosh": lambda x: 0.5 * (node("exp", x) + node("exp", -x)),
    "asinh": _asinh,
    "sinc": _sinc,
    "relu": lambda x: node("maximum", x, 0.0),
    "silu": lambda x: x * node("sigmoid", x),
    "swish": lambda x: x * node("sigmoid", x),
    "gelu": lambda x: x * node("normal_cdf", x),
    "mish": lambda x: x * node("tanh", node("softplus", x)),
}  # fmt: skip

FUNCTIONS: dict[str, WrittenFunction] = {
    row.name: row
    for row in (
        *(WrittenFunction(name, ("x",), build) for name, build in _UNARY.items()),
        WrittenFunction("max", ("x", "y"), lambda x, y: node("maximum", x, y)),
        WrittenFunction("min", ("x", "y"), lambda x, y: node("minimum", x, y)),
        WrittenFunction("clip", ("x", "low", "high"), _clip),
        WrittenFunction(
            "where", ("condition", "if_true", "if_false"), lambda c, x, y: node("where", c, x, y)
        ),
    )
}
