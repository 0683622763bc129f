"""Trees as text that a person reads and the parser takes."""

from __future__ import annotations

from search.activations.expression_tree import NUMBER, VARIABLE, Node, Z

#: Strength with which an operation binds its operands.
_STRENGTH = {"add": 1, "subtract": 1, "multiply": 2, "divide": 2, "negative": 3, "power": 4}
_SIGN = {"add": " + ", "subtract": " - ", "multiply": "*", "divide": "/", "power": "**"}
_COMPARE = {"less": " < ", "less_equal": " <= "}
_NAMES = {"maximum": "max", "minimum": "min"}
#: An atom or a function binds more strongly than any sign.
_STRONGEST = 5


#: Leaves of the longest text.
_MOST_LEAVES = 120


def written(tree: Node) -> str | None:
    """Return `tree` as text, in the notation of `search.activations.parser`.

    None where the text would be too long to be read: what stands in many places of a tree is
    written as often.
    """
    return _written(tree)[0] if _leaves(tree, {}) <= _MOST_LEAVES else None


def _leaves(tree: Node, done: dict[int, int]) -> int:
    if id(tree) not in done:
        done[id(tree)] = sum(_leaves(operand, done) for operand in tree.operands) or 1
    return done[id(tree)]


def _written(tree: Node) -> tuple[str, int]:
    """Return the text and the strength of its outermost operation."""
    if tree.operation == NUMBER:
        text = (
            f"{tree.value:.17g}"
            if float(f"{tree.value:.6g}") != tree.value
            else (f"{tree.value:.6g}")
        )
        return text, 3 if tree.value < 0 else _STRONGEST
    if tree.operation == VARIABLE:
        return ("x" if tree.name == Z else tree.name), _STRONGEST
    if tree.operation in _COMPARE:
        sides = [_written(operand)[0] for operand in tree.operands]
        return _COMPARE[tree.operation].join(sides), 0
    own = _STRENGTH.get(tree.operation)
    if own is None:
        inner = ", ".join(_written(operand)[0] for operand in tree.operands)
        return f"{_NAMES.get(tree.operation, tree.operation)}({inner})", _STRONGEST
    if tree.operation == "negative":
        return "-" + _bound(tree.operands[0], own), own
    left, right = tree.operands
    # a - (b - c), a / (b / c), (a ** b) ** c: the brackets that repetition needs.
    is_power = tree.operation == "power"
    before = _bound(left, own + 1 if is_power else own)
    after = _bound(right, own if is_power else own + 1)
    return before + _SIGN[tree.operation] + after, own


def _bound(tree: Node, least: int) -> str:
    text, strength = _written(tree)
    return text if strength >= least else f"({text})"
