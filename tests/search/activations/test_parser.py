"""Expressions of a person's own: what is read, as what, and what is refused with which words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from search.activations.expression_tree import Z, node, variable
from search.activations.formulas import NUMPY
from search.activations.notation import written
from search.activations.parser import DEEPEST, LONGEST_TEXT, MOST_OPERATIONS, parse
from search.activations.program import program
from search.activations.simplify import simplify
from search.activations.written_functions import FUNCTIONS
from search.errors import InvalidInput

X = np.linspace(-5.0, 5.0, 101)

#: Text -> the same in NumPy.
READ: dict[str, Callable[[np.ndarray], object]] = {
    "x": lambda x: x,
    " 2*x + 1 ": lambda x: 2 * x + 1,
    "1 - 2 - x": lambda x: -1 - x,
    "8 / 2 / 2 * x": lambda x: 2 * x,
    "-x**2": lambda x: -(x**2),
    "(-x)**2": lambda x: x**2,
    "2**3**0.5 * x": lambda x: 2 ** (3**0.5) * x,
    "x**-2 * x**3 + 0*x": lambda x: x,
    "x - -x": lambda x: 2 * x,
    "+x": lambda x: x,
    "1.5e-1*x + .5 + 2.": lambda x: 0.15 * x + 2.5,
    "pi*x + e": lambda x: math.pi * x + math.e,
    "where(x <= 0, exp(x) - 1, x)": lambda x: np.where(x <= 0, np.exp(x) - 1, x),
    "where(x > 1, x, where(x < -1, -x, x*x))": lambda x: np.where(np.abs(x) > 1, np.abs(x), x * x),
    "where(x >= 1, 2, x)": lambda x: np.where(x >= 1, 2, x),
    "max(x, 0) + min(x, 0)*0.1": lambda x: np.where(x > 0, x, 0.1 * x),
    "clip(x, -1, 1)": lambda x: np.clip(x, -1, 1),
    "sinh(x) - cosh(x)": lambda x: -np.exp(-x),
    "asinh(x)": np.arcsinh,
    "sinc(x)": lambda x: np.sinc(x / np.pi),
    "gelu(x)": lambda x: x * special.ndtr(x),
    "silu(x) - swish(x) + mish(x)": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "relu(x)*sign(x) + square(x)": lambda x: np.maximum(x, 0) + x * x,
    "atan(x) + arctan(x)": lambda x: 2 * np.arctan(x),
    "erf(x) + normal_cdf(x)": lambda x: special.erf(x) + special.ndtr(x),
    "log1p(abs(x)) + expm1(x) + softplus(x)": lambda x: (
        np.log1p(np.abs(x)) + np.expm1(x) + np.logaddexp(0, x)
    ),
    "log(sqrt(x*x + 1))": lambda x: np.log(np.sqrt(x * x + 1)),
    "sin(x)*cos(x) + tanh(x) + sigmoid(x)": lambda x: (
        np.sin(x) * np.cos(x) + np.tanh(x) + special.expit(x)
    ),
}


def value_of(text: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        (value,) = program(simplify(parse(text))).run(NUMPY, X, {})
    return np.broadcast_to(value, X.shape)


@pytest.mark.parametrize("text", READ)
def test_an_expression_means_what_it_means_in_mathematics(text: str) -> None:
    ours, theirs = value_of(text), np.broadcast_to(READ[text](X), X.shape)
    known = np.isfinite(ours) & np.isfinite(theirs)
    assert known.mean() > 0.9
    np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-12, atol=1e-12)


def test_every_function_is_read_somewhere() -> None:
    assert set(FUNCTIONS) <= {name for text in READ for name in re.findall(r"[a-z_0-9]+", text)}


@pytest.mark.parametrize("text", [*READ, "a*x**2 - (b - x)/(a/b)", "(x**2)**3 - (1 - (2 - x))"])
def test_what_is_written_is_read_as_the_same(text: str) -> None:
    names = ("a", "b")
    tree = simplify(parse(text, names))
    again = simplify(parse(str(written(tree)), names))
    p = {"a": 0.7, "b": 1.3}
    with np.errstate(all="ignore"):
        ours, theirs = (program(one).run(NUMPY, X, p)[0] for one in (again, tree))
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_what_would_be_too_long_is_not_written() -> None:
    tree = variable(Z)
    for _ in range(40):
        tree = node("multiply", tree, tree)
    assert written(tree) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the expression is empty"),
        ("x y", "'y' at character 3, where an operator or the end should be"),
        ("x +", "its end at character 4, where a number, x, a parameter"),
        ("(x", "where ')' should be"),
        ("x ^ 2", "** for a power"),
        ("relu", "'relu' at character 1 is a function; give it x in brackets"),
        ("sigmoidd(x)", "did you mean 'sigmoid'?"),
        ("betta*x", "did you mean 'beta'?"),
        ("tanh(x, 2)", "has 2 arguments, but takes 1: tanh(x)"),
        ("x > 1", "comparisons stand only in where"),
        ("where(x, 1, 2)", "<, <=, > or >= of the condition"),
        ("x.real", "has '.' at character 2, which means nothing"),
        ("1e999*x", "is too large"),
        ("x" + "+x" * 200, f"more than the {LONGEST_TEXT} allowed"),
        ("x" + "+x" * 100, f"more than {MOST_OPERATIONS} operations"),
        ("(" * 30 + "x" + ")" * 30, f"more than {DEEPEST} brackets"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        parse(text, ["beta"])
