"""Expressions of a person's own, from text to trees.

    comparison  sum [("<" | "<=" | ">" | ">=") sum]      only as the condition of where(...)
    sum         term (("+" | "-") term)*
    term        factor (("*" | "/") factor)*
    factor      ("-" | "+") factor | atom ["**" factor]
    atom        number | name | function "(" argument ("," argument)* ")" | "(" sum ")"

Nothing else is read: there are no texts, attributes, indices, assignments or names beyond `x`, the
parameters, and the tables of `search.activations.written_functions`. Text, nesting and the number
of operations are bounded, so that no expression takes long to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from typing import NamedTuple

from search.activations.expression_tree import Node, Z, node, number, variable
from search.activations.written_functions import CONSTANTS, FUNCTIONS
from search.errors import InvalidInput

#: The variable of an expression.
X = "x"
#: Bounds on an expression: characters, brackets and signs within each other, operations.
LONGEST_TEXT, DEEPEST, MOST_OPERATIONS = 300, 20, 60

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|<=|>=|[-+*/^(),<>]))",
    re.ASCII,
)
_SIGNS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


class _Token(NamedTuple):
    kind: str
    text: str
    #: Index of its first character.
    at: int


def parse(text: str, parameters: Iterable[str] = ()) -> Node:
    """Return the tree of the expression `text` in `x` and `parameters`.

    Raises InvalidInput, which says what is wrong and where, counting characters from 1.
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(
            f"the expression has {len(text)} characters, more than the {LONGEST_TEXT} allowed; "
            f"shorten it"
        )
    return _Parser(text, parameters).whole()


def _tokens(text: str) -> list[_Token]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            at = position + len(text[position:]) - len(text[position:].lstrip())
            raise InvalidInput(
                f"the expression has {text[at]!r} at character {at + 1}, which means nothing in an "
                f"expression; write numbers, x, parameters, functions, + - * / ** and brackets"
            )
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    tokens.append(_Token("end", "its end", end))
    return tokens


class _Parser:
    """A parser by recursive descent, a method a rule of the grammar."""

    def __init__(self, text: str, parameters: Iterable[str]) -> None:
        self._tokens, self._next = _tokens(text), 0
        self._names = {X: variable(Z), **{name: variable(name) for name in parameters}}
        self._depth = self._operations = 0

    def whole(self) -> Node:
        """Read all tokens."""
        if self._token.kind == "end":
            raise InvalidInput("the expression is empty; write a formula, such as x*sigmoid(x)")
        tree = self._sum()
        if self._token.kind != "end":
            raise self._misplaced("an operator or the end")
        return tree

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> str | None:
        """Go past the next token if it is one of `texts`."""
        if self._token.kind != "end" and self._token.text in texts:
            self._next += 1
            return self._tokens[self._next - 1].text
        return None

    def _misplaced(self, wanted: str) -> InvalidInput:
        token = self._token
        shown = token.text if token.kind == "end" else f"'{token.text}'"
        hint = ""
        if token.text in "<>=":
            hint = "; comparisons stand only in where(condition, if_true, if_false)"
        return InvalidInput(
            f"the expression has {shown} at character {token.at + 1}, where {wanted} should "
            f"be{hint}"
        )

    def _made(self, tree: Node) -> Node:
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            raise InvalidInput(
                f"the expression has more than {MOST_OPERATIONS} operations; simplify it"
            )
        return tree

    def _sum(self) -> Node:
        tree = self._term()
        while sign := self._take("+", "-"):
            tree = self._made(node(_SIGNS[sign], tree, self._term()))
        return tree

    def _term(self) -> Node:
        tree = self._factor()
        while sign := self._take("*", "/"):
            tree = self._made(node(_SIGNS[sign], tree, self._factor()))
        return tree

    def _factor(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidInput(
                f"the expression has more than {DEEPEST} brackets, signs or powers within each "
                f"other; flatten it"
            )
        tree = self._signed()
        self._depth -= 1
        return tree

    def _signed(self) -> Node:
        sign = self._take("-", "+")
        if sign:
            inner = self._factor()
            return self._made(-inner) if sign == "-" else inner
        base = self._atom()
        if self._token.text == "^":
            raise self._misplaced("** for a power")
        return self._made(base ** self._factor()) if self._take("**") else base

    def _atom(self) -> Node:
        token = self._token
        if token.kind == "number":
            self._next += 1
            return self._number(token)
        if token.kind == "name":
            self._next += 1
            return self._call(token) if self._take("(") else self._named(token)
        if self._take("("):
            tree = self._sum()
            if not self._take(")"):
                raise self._misplaced("')'")
            return tree
        raise self._misplaced("a number, x, a parameter, a function or '('")

    def _number(self, token: _Token) -> Node:
        value = float(token.text)
        if not isfinite(value):
            raise InvalidInput(
                f"the number {token.text[:20]} at character {token.at + 1} is too large"
            )
        return number(value)

    def _named(self, token: _Token) -> Node:
        if token.text in self._names:
            return self._names[token.text]
        if token.text in CONSTANTS:
            return number(CONSTANTS[token.text])
        if token.text in FUNCTIONS:
            raise InvalidInput(
                f"'{token.text}' at character {token.at + 1} is a function; give it "
                f"{', '.join(FUNCTIONS[token.text].arguments)} in brackets"
            )
        known = [*self._names, *CONSTANTS]
        raise InvalidInput(
            f"'{token.text[:40]}' at character {token.at + 1} is not known"
            f"{_nearest(token.text, known)}; the variable is x, and every other name is a "
            f"parameter, given in parameters, or {' or '.join(CONSTANTS)}"
        )

    def _call(self, token: _Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise InvalidInput(
                f"'{token.text[:40]}' at character {token.at + 1} is no function"
                f"{_nearest(token.text, FUNCTIONS)}; choose one of {', '.join(FUNCTIONS)}"
            )
        read = [self._comparison() if function.name == "where" else self._sum()]
        while self._take(","):
            read.append(self._sum())
        if not self._take(")"):
            raise self._misplaced("',' or ')'")
        if len(read) != len(function.arguments):
            wanted = ", ".join(function.arguments)
            raise InvalidInput(
                f"'{token.text}' at character {token.at + 1} has {len(read)} arguments, but takes "
                f"{len(function.arguments)}: {token.text}({wanted})"
            )
        return self._made(function.build(*read))

    def _comparison(self) -> Node:
        left = self._sum()
        sign = self._take("<", "<=", ">", ">=")
        if not sign:
            raise self._misplaced("<, <=, > or >= of the condition of where")
        right = self._sum()
        operation = "less" if sign in ("<", ">") else "less_equal"
        operands = (left, right) if sign in ("<", "<=") else (right, left)
        return self._made(node(operation, *operands))


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
