"""Trees laid out as a list of steps, each made once, for NumPy, torch and the compiled engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.activations.derivative import derivative
from search.activations.expression_tree import NUMBER, VARIABLE, Node, Z, node, variable
from search.activations.formulas import Namespace
from search.activations.operations import OPERATIONS
from search.activations.simplify import simplify


@dataclass(frozen=True, slots=True)
class Step:
    """A number, a variable, or an operation on the results of earlier steps, by index."""

    operation: str
    operands: tuple[int, ...]
    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """Steps that compute the values of some trees; what the trees have in common is made once."""

    steps: tuple[Step, ...]
    #: Index of the step of each tree's value.
    results: tuple[int, ...]

    def run(self, xp: Namespace, z: Any, p: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values at `z`, an array of the namespace `xp`, and the parameters `p`.

        A value that depends on neither is a number.
        """
        values: list[Any] = []
        for step in self.steps:
            if step.operation == NUMBER:
                values.append(step.value)
            elif step.operation == VARIABLE:
                values.append(z if step.name == Z else p[step.name])
            else:
                operands = (values[index] for index in step.operands)
                values.append(OPERATIONS[step.operation].on_arrays(xp, *operands))
        return tuple(values[index] for index in self.results)


def program(*trees: Node) -> Program:
    """Return the program of `trees`."""
    steps: dict[Step, int] = {}
    done: dict[int, int] = {}

    def place(tree: Node) -> int:
        if id(tree) not in done:
            operands = tuple(place(operand) for operand in tree.operands)
            # The sign of zero and NaN do not matter: no formula has them as numbers.
            step = Step(tree.operation, operands, tree.value, tree.name)
            done[id(tree)] = steps.setdefault(step, len(steps))
        return done[id(tree)]

    results = tuple(place(tree) for tree in trees)
    return Program(tuple(steps), results)


class _Symbols(Namespace):
    """The functions of formulas on trees, so that a formula written for arrays gives its tree."""

    def __init__(self) -> None:
        super().__init__()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the function called `name` on trees; AttributeError where there is none."""
        if name in _BUILDERS:
            return _BUILDERS[name]
        own = _NAMES.get(name, name)
        if own not in OPERATIONS:
            raise AttributeError(f"a formula uses {name!r}, which is no operation on trees")
        return lambda *operands: node(own, *operands)


#: Names of functions in array libraries -> the operation.
_NAMES = {"expit": "sigmoid", "ndtr": "normal_cdf", "arctan": "atan"}


def _clip(x: Node, low: Node | float | None, high: Node | float | None) -> Node:
    if low is not None:
        x = node("maximum", x, low)
    return x if high is None else node("minimum", x, high)


def _logaddexp(x: Node | float, y: Node) -> Node:
    if isinstance(x, float):
        return node("softplus", y) if x == 0.0 else x + node("softplus", y - x)
    return y if x is y else x + node("softplus", y - x)


_BUILDERS: dict[str, Callable[..., Any]] = {
    "clip": _clip,
    "logaddexp": _logaddexp,
    "zeros_like": lambda x: 0.0,
}
SYMBOLS = _Symbols()


def trace(expression: Callable[..., Any], parameters: tuple[str, ...]) -> Node:
    """Return the tree of a formula in code; its parameters are called `parameters`.

    Raises AttributeError where the formula uses a function that no operation has.
    """
    if isinstance(expression, TreeFormula):
        return expression.tree
    named = {name: variable(name) for name in parameters}
    tree = expression(SYMBOLS, variable(Z), named)
    return simplify(tree if isinstance(tree, Node) else node(NUMBER))


@dataclass(frozen=True, slots=True, eq=False)
class TreeFormula:
    """A formula for arrays that follows from a tree."""

    tree: Node
    program: Program

    def __call__(self, xp: Namespace, z: Any, p: Mapping[str, Any]) -> Any:
        """Return f(z) as `Activation.expression` does."""
        (value,) = self.program.run(xp, z, p)
        return value


@dataclass(frozen=True, slots=True)
class Derivatives:
    """A formula as programs: value and slope, and the derivatives by some of its parameters."""

    #: Results f(z) and f'(z), and f'(z) alone.
    value_and_slope: Program
    slope: Program
    slope_tree: Node
    #: Results df/dp for each of `by`.
    parameter_slopes: Program
    by: tuple[str, ...]


def derivatives(tree: Node, by: tuple[str, ...]) -> Derivatives:
    """Return the programs of `tree`, which differentiate by `z` and by the parameters `by`."""
    tree = simplify(tree)
    slope = derivative(tree, Z)
    return Derivatives(
        program(tree, slope),
        program(slope),
        slope,
        program(*(derivative(tree, name) for name in by)),
        by,
    )
