"""Symbolic differentiation of trees, in reverse mode: from the result to the variables."""

from __future__ import annotations

from search.activations.expression_tree import VARIABLE, Node, node, number
from search.activations.operations import OPERATIONS
from search.activations.simplify import simplify


def derivative(tree: Node, by: str) -> Node:
    """Return the derivative of `tree` by the variable `by`, simplified.

    At a kink it is that of one of the sides, and jumps count for nothing.
    """
    return simplify(_derivative(simplify(tree), by, {}))


def _derivative(tree: Node, by: str, done: dict[int, Node]) -> Node:
    if tree.operation == VARIABLE:
        return number(1.0 if tree.name == by else 0.0)
    if not tree.operands:
        return number(0.0)
    if id(tree) not in done:
        done[id(tree)] = simplify(_chain(tree, by, done))
    return done[id(tree)]


def _chain(tree: Node, by: str, done: dict[int, Node]) -> Node:
    inner = [_derivative(operand, by, done) for operand in tree.operands]
    # Not a product with 0 and 1: the side that is not taken may be infinite.
    if tree.operation == "where":
        return node("where", tree.operands[0], inner[1], inner[2])
    if tree.operation in ("maximum", "minimum"):
        first, second = tree.operands
        less = (second, first) if tree.operation == "maximum" else (first, second)
        return node("where", node("less", *less), *inner)
    partials = OPERATIONS[tree.operation].partials
    if partials is None:
        raise ValueError(f"the operation {tree.operation!r} has no derivative")
    total = number(0.0)
    for partial, own in zip(partials(*tree.operands, tree), inner, strict=True):
        if not own.is_value(0.0):
            total = total + own * partial
    return total
