"""Activations of a person's own: facts, refusals, and that nothing hostile gets through."""

from __future__ import annotations

import pickle
import random
import re
import string
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest
from scipy import integrate, stats

from search.activations import get_activation, own_activation
from search.activations.activation import Activation
from search.activations.check import check_activation
from search.activations.own import _TAKEN
from search.engines.layer_statistics import STATISTICS
from search.errors import InvalidInput
from search.study import Choices, Expression, ExpressionParameter, Range

BETA = ExpressionParameter(name="beta", default=1.0, low=0.1, high=3.0, log=True, learned=True)
SWISH = Expression(name="my_swish", expression="x * sigmoid(beta * x)", parameters=(BETA,))


def own(text: str, *parameters: ExpressionParameter, name: str = "mine") -> Activation:
    return own_activation(Expression(name=name, expression=text, parameters=parameters))


def test_an_expression_of_a_listed_function_has_its_facts() -> None:
    mine, listed = own_activation(SWISH), get_activation("silu")
    z, numbers = np.linspace(-20.0, 20.0, 401), {"beta": 1.7}
    np.testing.assert_allclose(mine.function(z, numbers), listed.function(z, numbers), rtol=1e-13)
    np.testing.assert_allclose(mine.slope(z, numbers), listed.slope(z, numbers), rtol=1e-12)
    assert mine.gain(numbers) == pytest.approx(listed.gain(numbers), rel=1e-12)
    assert mine.learnable == ("beta",)
    facts = check_activation(mine)
    assert facts.low == pytest.approx(-0.27846, abs=1e-4)
    assert (facts.value_at_zero, facts.slope_at_zero) == (0.0, 0.5)
    assert not facts.increasing
    assert facts.warnings == ()
    assert facts.derivative == (
        "sigmoid(beta*x) + beta*(sigmoid(beta*x) - sigmoid(beta*x)*sigmoid(beta*x))*x"
    )


@pytest.mark.parametrize(
    "text",
    [
        "x*tanh(log(1 + exp(x)))",
        "sin(3*x) + 0.2*x",
        "where(x > 0.3, x, 0.1*x + 0.7)",
        "abs(x)**1.5",
    ],
)
def test_the_gain_is_by_quadrature_wherever_it_bends_or_jumps(text: str) -> None:
    row = own(text)

    def integrand(z: float) -> float:
        return float(row.function(np.array([z]), {})[0] ** 2 * stats.norm.pdf(z))

    pieces = [-12.0, -3.0, 0.0, 0.3, 3.0, 12.0]
    moment = sum(
        integrate.quad(integrand, a, b, epsabs=1e-12, limit=200)[0] for a, b in pairwise(pieces)
    )
    assert check_activation(row).gain == pytest.approx(moment**-0.5, rel=1e-9)


def test_parameters_are_searched_where_they_have_a_range() -> None:
    fixed = ExpressionParameter(name="shift", default=0.5)
    row = own("x * sigmoid(beta * x) + shift", BETA, fixed)
    axes = {p.name: p.axis for p in row.parameters}
    assert axes == {"beta": Range(low=0.1, high=3.0, log=True), "shift": Choices(values=(0.5,))}
    assert [p.name for p in row.parameters] == ["beta", "shift"]
    last = own("shift + x * sigmoid(beta * x)", fixed, BETA)
    assert last.number_names == ("beta", "shift")  # what is learned comes first


def test_a_row_travels_between_processes() -> None:
    for row in (own_activation(SWISH), get_activation("relu")):
        assert pickle.loads(pickle.dumps(row)) is row


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "does not depend on x"),
        ("x - x", "is constant"),
        ("x**0", "does not depend on x"),
        ("sin(x)/sin(x)", "NaN at x = 0"),
        ("1/x", "infinite at x = 0"),
        ("log(x)", "infinite at x = 0"),
        ("sqrt(x)", "NaN at x = -0.005"),
        ("exp(x**2)", "infinite at x = 26.645"),
        ("exp(exp(x))", "infinite"),
        ("sqrt(abs(x))", "slope that is NaN at x = 0"),
        ("2**x", "too large"),
        ("sign(x)", "slope of 0 everywhere"),
        ("where(x > 0, 1, 0)", "slope of 0 everywhere"),
    ],
)
def test_nonsense_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)) as error:
        check_activation(own(text))
    assert error.value.pointer == "/expression"


def test_an_end_of_a_searched_parameter_must_be_sound_too() -> None:
    power = ExpressionParameter(name="n", default=2.0, low=0.5, high=3.0)
    with pytest.raises(InvalidInput, match=r"NaN at x = -0.005, n = 0.5"):
        check_activation(own("x**n", power))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("where(x > 1, x, 0)", "it jumps at x = 1"),
        ("where(x > 0, x + 1, 0.1*x)", "it jumps at x = 0"),
        ("sign(x)*3 + x", "it jumps at x = 0"),
        ("x*x", "grows faster than its input"),
        ("max(x - 5, 0)", "slope is below 0.01"),
    ],
)
def test_what_may_disappoint_is_warned_of(text: str, words: str) -> None:
    assert any(words in warning for warning in check_activation(own(text)).warnings)


@pytest.mark.parametrize("text", ["tanh(50*x)", "where(x > 0, x, 0.1*x)", "sin(20*x)", "abs(x)"])
def test_a_steep_slope_or_kink_is_no_jump(text: str) -> None:
    assert not any("jumps" in warning for warning in check_activation(own(text)).warnings)


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (ExpressionParameter(name="x", default=1.0), "name of the variable"),
        (ExpressionParameter(name="tanh", default=1.0), "a function"),
        (ExpressionParameter(name="sharing", default=1.0), "statistic"),
        (ExpressionParameter(name="Beta", default=1.0), "needs another name"),
        (ExpressionParameter(name="b", default=float("inf")), "finite"),
        (ExpressionParameter(name="b", default=1.0, low=0.0), "one end of a range only"),
        (ExpressionParameter(name="b", default=1.0, log=True), "log means nothing"),
        (ExpressionParameter(name="b", default=1.0, low=2.0, high=1.0), "less than high"),
        (ExpressionParameter(name="b", default=5.0, low=1.0, high=2.0), "must lie in [1, 2]"),
        (ExpressionParameter(name="b", default=0.0, low=-1.0, high=2.0, log=True), "above 0"),
        (ExpressionParameter(name="b", default=1.0), "does not stand in the expression"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(
    parameter: ExpressionParameter, words: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        own("tanh(x)", parameter)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("relu", "is the name of a listed activation"),
        ("swish", "is the name of a listed activation"),
        ("discover", "is the name of a listed activation"),
        ("relu_mine", "begins like a listed activation"),
        ("My swish", "cannot be the name"),
        ("a+b", "cannot be the name"),
        ("", "cannot be the name"),
    ],
)
def test_a_name_that_would_confuse_is_refused(name: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        own("tanh(x)", name=name)


def test_names_of_statistics_are_taken() -> None:
    assert set(STATISTICS) <= _TAKEN


def test_cost_is_bounded() -> None:
    with pytest.raises(InvalidInput, match="costs 170 operations an element"):
        own("+".join(f"sin({k}*x)" for k in range(2, 16)) + "+x" * 3)


def hostile() -> list[str]:
    """200 texts that no activation is made of: code, overflows, bombs, noise."""
    code = [
        "__import__('os').system('true')", "().__class__.__bases__[0]", "x.__class__",
        "eval('x')", "exec('x')", "open('/etc/passwd')", "lambda x: x", "[x for x in y]", "{x: x}",
        "x if x else 1", "x; x", "x\nimport os", "x := 1", "f'{x}'", "b'x'", "x[0]", "x[::]",
        "globals()", "getattr(x, 'real')", "print(x)", "x and x", "not x", "x or 1", "x is x",
        "x in x", "*x", "**x", "x, x", "(x, x)", "x == x", "x != 1", "~x", "x | x", "x & x",
        "x << 2", "x >> 2", "x // 2", "x % 2", "x @ x", "1j*x", "0x10*x", "1_000*x", "None",
        "True*x", "self", "z", "z*x", "numpy", "torch.relu(x)", "np.exp(x)", "xp.exp(x)", "exp",
        "where",
        "where(x > 0)", "where()", "exp()", "max(x)", "clip(x, 0)", "x(2)", "2(x)", "pi(x)",
        "yield x", "await x", "del x", "...", "#x", "x#", "$x", "`x`", "x?", "\\x", "x!", "'x'",
        '"x"', "x\x00", "\x00", "х*2", "x²", "√x", "−x", "x·x", "x×2", "∞", "½x", "ｘ",
        "{{x}}", "${x}", "%s", "<script>x</script>", "x'; DROP TABLE studies; --", "../x", "C:\\x",
    ]  # fmt: skip
    bombs = [
        "9**9**9**9**9", "x*9**9**9**9", "1e309*x", "-1e309", "1/0", "0/0*x", "x/0", "0**-1*x",
        "(-1)**0.5*x", "log(-1)*x", "sqrt(-1)+x", "exp(1000)*x", "exp(exp(exp(x)))", "x**1000",
        "2**2**2**2**x", "tanh(x)/0", "log(0)*x", "inf*x", "nan*x", "log(log(x))", "x**x", "0*x",
        "1/(x-x)", "x-x", "sin(x)*0", "where(x > 0, 1/0, x)", "exp(x*x*x)", "1/sin(x)",
        "x" * 1000, "(" * 500, ")" * 500, "((((", "-" * 400 + "x", "x" + "+x" * 99,
        "(" * 90 + "x" + ")" * 90, "sin(" * 40 + "x" + ")" * 40, "x**" * 60 + "x", "+" * 250 + "x",
        "x" + "*x" * 90, "square(" * 19 + "x" + ")" * 19, "gelu(" * 18 + "x" + ")" * 18,
        "9" * 290 + "9" * 9, "9" * 400, "." * 100, "1." * 50, "e" * 50, "1e", "1e+", "1e-e",
        "," * 99, "max(" * 60, "where(" * 60,
    ]  # fmt: skip
    source = random.Random(0)
    letters = string.printable + "é漢🙂\u202e\u200b"
    noise = ["".join(source.choices(letters, k=source.randrange(3, 60))) + "'" for _ in range(75)]
    return [*code, *bombs, *noise]


def test_two_hundred_hostile_expressions_are_refused_in_a_moment() -> None:
    texts = hostile()
    assert len(set(texts)) >= 200
    for text in texts:
        started = perf_counter()
        with pytest.raises(InvalidInput) as error:
            check_activation(own(text))
        assert perf_counter() - started < 1.0, text
        assert error.value.pointer == "/expression", text
        assert len(error.value.detail) < 700, text


def test_what_nests_squares_is_quick_to_check() -> None:
    """A tree with each node used twice has 2^17 leaves, but 18 steps."""
    started = perf_counter()
    facts = check_activation(own("square(" * 17 + "tanh(x)" + ")" * 17 + " + x"))
    assert perf_counter() - started < 1.0
    assert facts.derivative is None
