"""Formulas as trees: what a person's expression is parsed to, and a row's formula is traced to.

A tree can be differentiated (`search.activations.derivative`), made shorter
(`search.activations.simplify`) and laid out as the steps of a program
(`search.activations.program`), which NumPy, torch and the compiled engine run alike. It holds
numbers, variables and the operations of `search.activations.operations`, nothing else: there is no
way to write a name, an attribute or a call that the table of operations lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

#: The variable of a formula; every other variable is a parameter.
Z = "z"
#: Operations of the leaves of a tree.
NUMBER, VARIABLE = "number", "variable"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A number, a variable, or an operation on other nodes; the same node may stand in two places.

    Nodes are equal where they are the same object; `search.activations.program` finds the steps
    that are alike.
    """

    operation: str
    operands: tuple[Node, ...] = ()
    #: Of a number.
    value: float = 0.0
    #: Of a variable.
    name: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.operation == NUMBER

    def is_value(self, value: float) -> bool:
        """Whether it is the number `value`."""
        return self.operation == NUMBER and self.value == value

    def __add__(self, other: Operand) -> Node:
        return node("add", self, other)

    def __radd__(self, other: Operand) -> Node:
        return node("add", other, self)

    def __sub__(self, other: Operand) -> Node:
        return node("subtract", self, other)

    def __rsub__(self, other: Operand) -> Node:
        return node("subtract", other, self)

    def __mul__(self, other: Operand) -> Node:
        return node("multiply", self, other)

    def __rmul__(self, other: Operand) -> Node:
        return node("multiply", other, self)

    def __truediv__(self, other: Operand) -> Node:
        return node("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Node:
        return node("divide", other, self)

    def __pow__(self, other: Operand) -> Node:
        return node("power", self, other)

    def __rpow__(self, other: Operand) -> Node:
        return node("power", other, self)

    def __neg__(self) -> Node:
        return node("negative", self)

    def __lt__(self, other: Operand) -> Node:
        return node("less", self, other)

    def __gt__(self, other: Operand) -> Node:
        return node("less", other, self)

    def __le__(self, other: Operand) -> Node:
        return node("less_equal", self, other)

    def __ge__(self, other: Operand) -> Node:
        return node("less_equal", other, self)


Operand: TypeAlias = "Node | float"


def number(value: float) -> Node:
    """Return a number as a tree."""
    return Node(NUMBER, value=float(value))


def variable(name: str) -> Node:
    """Return a variable as a tree."""
    return Node(VARIABLE, name=name)


def node(operation: str, *operands: Operand) -> Node:
    """Return the tree of an operation; plain numbers among the operands become trees."""
    as_nodes = (o if isinstance(o, Node) else number(o) for o in operands)
    return Node(operation, tuple(as_nodes))


def bound(tree: Node, numbers: Mapping[str, float]) -> Node:
    """Return `tree` with numbers in place of the variables of their names."""
    return _bound(tree, numbers, {})


def _bound(tree: Node, numbers: Mapping[str, float], done: dict[int, Node]) -> Node:
    if tree.operation == VARIABLE:
        return number(numbers[tree.name]) if tree.name in numbers else tree
    if id(tree) not in done:
        operands = tuple(_bound(operand, numbers, done) for operand in tree.operands)
        done[id(tree)] = Node(tree.operation, operands, tree.value)
    return done[id(tree)]
