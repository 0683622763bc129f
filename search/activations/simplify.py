"""Trees made shorter: numbers reckoned out, sums with 0 and products with 0 and 1 left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from search.activations.expression_tree import NUMBER, Node, node, number
from search.activations.formulas import NUMPY
from search.activations.operations import OPERATIONS

#: Returns a shorter tree for operands that are simplified, None where there is none.
_Rule = Callable[..., Node | None]


def _add(x: Node, y: Node) -> Node | None:
    if x.is_value(0.0):
        return y
    return x if y.is_value(0.0) else None


def _subtract(x: Node, y: Node) -> Node | None:
    if x.is_value(0.0):
        return -y
    return x if y.is_value(0.0) else None


def _multiply(x: Node, y: Node) -> Node | None:
    if x.is_value(0.0) or y.is_value(0.0):
        return number(0.0)
    if x.is_value(1.0):
        return y
    if y.is_value(1.0):
        return x
    if x.is_value(-1.0):
        return -y
    if y.is_value(-1.0):
        return -x
    return _by_indicator(x, y) or _by_indicator(y, x) or _by_inverse(x, y)


def _by_indicator(x: Node, y: Node) -> Node | None:
    """Return where(c, x, 0) for x·where(c, 1, 0), which is 0 even where x is infinite."""
    if y.operation != "where":
        return None
    condition, yes, no = y.operands
    if yes.is_value(1.0) and no.is_value(0.0):
        return node("where", condition, x, no)
    return node("where", condition, yes, x) if yes.is_value(0.0) and no.is_value(1.0) else None


def _by_inverse(x: Node, y: Node) -> Node | None:
    """Return x/z for x·(1/z)."""
    if y.operation == "divide" and y.operands[0].is_value(1.0):
        return x / y.operands[1]
    if x.operation == "divide" and x.operands[0].is_value(1.0):
        return y / x.operands[1]
    return None


def _divide(x: Node, y: Node) -> Node | None:
    if x.is_value(0.0):
        return x
    return x if y.is_value(1.0) else None


def _power(x: Node, y: Node) -> Node | None:
    if y.is_value(0.0):
        return number(1.0)
    return x if y.is_value(1.0) else None


def _negative(x: Node) -> Node | None:
    return x.operands[0] if x.operation == "negative" else None


def _where(condition: Node, yes: Node, no: Node) -> Node | None:
    if condition.is_number:
        return yes if condition.value else no
    alike = yes is no or (yes.is_number and no.is_value(yes.value))
    return yes if alike else None


_RULES: dict[str, _Rule] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
    "where": _where,
}


def simplify(tree: Node) -> Node:
    """Return a tree with the same values, but where 0 meets infinity or NaN."""
    done: dict[int, Node] = {}
    return _simplified(tree, done)


def _simplified(tree: Node, done: dict[int, Node]) -> Node:
    if not tree.operands:
        return tree
    if id(tree) not in done:
        operands = tuple(_simplified(operand, done) for operand in tree.operands)
        done[id(tree)] = _shortened(tree, operands)
    return done[id(tree)]


def _shortened(tree: Node, operands: tuple[Node, ...]) -> Node:
    if all(operand.operation == NUMBER for operand in operands):
        with np.errstate(all="ignore"):
            values = [np.float64(operand.value) for operand in operands]
            return number(float(OPERATIONS[tree.operation].on_arrays(NUMPY, *values)))
    rule = _RULES.get(tree.operation)
    shorter = rule(*operands) if rule else None
    if shorter is not None:
        return shorter
    same = all(new is old for new, old in zip(operands, tree.operands, strict=True))
    return tree if same else Node(tree.operation, operands)
