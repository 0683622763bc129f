"""Formulas of activations as Python syntax trees, to be written in the words of another library.

A formula is code over an array namespace (`search.activations.formulas`). Called with symbols in
place of arrays it builds its own syntax tree; each library then names the functions in its way.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from search.activations import Activation
from search.activations.expression_tree import NUMBER, VARIABLE, Z, bound
from search.activations.operations import OPERATIONS
from search.activations.program import program
from search.activations.simplify import simplify

_OPERATORS: Mapping[str, type[ast.operator]] = {
    "add": ast.Add,
    "sub": ast.Sub,
    "mul": ast.Mult,
    "truediv": ast.Div,
    "pow": ast.Pow,
}
_COMPARISONS: Mapping[str, type[ast.cmpop]] = {
    "lt": ast.Lt,
    "le": ast.LtE,
    "gt": ast.Gt,
    "ge": ast.GtE,
}


class Symbol:
    """A part of a formula; operators on it make larger parts."""

    def __init__(self, tree: ast.expr) -> None:
        self.tree = tree

    def __neg__(self) -> Symbol:
        return Symbol(ast.UnaryOp(op=ast.USub(), operand=self.tree))


def _operator(kind: type[ast.operator], *, is_reflected: bool) -> Callable[[Symbol, Any], Symbol]:
    def apply(self: Symbol, other: Any) -> Symbol:
        left, right = (other, self) if is_reflected else (self, other)
        return Symbol(ast.BinOp(left=_tree(left), op=kind(), right=_tree(right)))

    return apply


def _comparison(kind: type[ast.cmpop]) -> Callable[[Symbol, Any], Symbol]:
    def apply(self: Symbol, other: Any) -> Symbol:
        return Symbol(ast.Compare(left=self.tree, ops=[kind()], comparators=[_tree(other)]))

    return apply


for _name, _kind in _OPERATORS.items():
    setattr(Symbol, f"__{_name}__", _operator(_kind, is_reflected=False))
    setattr(Symbol, f"__r{_name}__", _operator(_kind, is_reflected=True))
for _name, _test in _COMPARISONS.items():
    setattr(Symbol, f"__{_name}__", _comparison(_test))


class Functions:
    """A namespace all of whose functions are calls by name.

    A library that lacks one, or knows it by other arguments, has a class of its own below this one.
    """

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        def call(*arguments: Any) -> Symbol:
            return Symbol(
                ast.Call(func=ast.Name(id=name), args=list(map(_tree, arguments)), keywords=[])
            )

        return call


#: All functions by the names that the array namespace has.
FUNCTIONS = Functions()


def formula_of(
    row: Activation, numbers: Mapping[str, ast.expr], functions: Functions = FUNCTIONS
) -> ast.expr:
    """Return f(z) of an activation as a tree over the name `z`, with `numbers` for its numbers.

    Functions are calls of plain names, those of the array namespace.
    """
    symbols = {name: Symbol(tree) for name, tree in numbers.items()}
    z = Symbol(ast.Name(id="z"))
    written: Symbol = row.expression(cast("Any", functions), z, symbols)
    return written.tree


def statements_of(
    row: Activation,
    fixed: Mapping[str, float],
    learned: Mapping[str, ast.expr],
    called: Callable[[str], str],
    functions: Functions = FUNCTIONS,
) -> list[str]:
    """Return the lines of a function of `z` that ends in returning f(z) of a person's own `row`.

    What stands in several places of its tree gets a name, so that it is made and written once.
    """
    program_ = program(simplify(bound(row.tree, fixed)))
    uses = Counter(index for step in program_.steps for index in step.operands)
    values: list[Any] = []
    lines: list[str] = []
    for index, step in enumerate(program_.steps):
        if step.operation == NUMBER:
            values.append(step.value)
        elif step.operation == VARIABLE:
            tree = ast.Name(id="z") if step.name == Z else learned[step.name]
            values.append(Symbol(tree))
        else:
            operands = [values[operand] for operand in step.operands]
            made: Symbol = OPERATIONS[step.operation].on_arrays(cast("Any", functions), *operands)
            # These write each of their operands twice.
            twice = any(
                user.operation in ("maximum", "minimum", "softplus")
                for user in program_.steps
                if index in user.operands
            )
            if uses[index] > 1 or twice:
                name = f"part{len(lines) + 1}"
                lines.append(f"{name} = {source_of(made.tree, called)}")
                made = Symbol(ast.Name(id=name))
            values.append(made)
    (result,) = program_.results
    return [*lines, f"return {source_of(values[result].tree, called)}"]


def constant(value: float) -> ast.expr:
    """Return the tree of a number."""
    return ast.Constant(value=value)


class _Renamed(ast.NodeTransformer):
    def __init__(self, called: Callable[[str], str]) -> None:
        self._called = called

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            node.func = ast.parse(self._called(node.func.id), mode="eval").body
        return node


def source_of(tree: ast.expr, called: Callable[[str], str]) -> str:
    """Return a formula as Python, its functions named by `called`."""
    return ast.unparse(ast.fix_missing_locations(_Renamed(called).visit(tree)))


def _tree(part: Any) -> ast.expr:
    return part.tree if isinstance(part, Symbol) else ast.Constant(value=part)
