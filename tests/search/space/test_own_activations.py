"""A space with activations of the person's own: their names, axes and conditions."""

from __future__ import annotations

import re

import optuna
import pytest

from search.errors import InvalidInput
from search.space import build_space, condition_of
from search.study import Choices, Expression, ExpressionParameter, Range

SWISH = Expression(
    name="my_swish",
    expression="x * sigmoid(beta * x) + shift",
    parameters=(
        ExpressionParameter(name="beta", default=1.0, low=0.1, high=3.0, log=True, learned=True),
        ExpressionParameter(name="shift", default=0.0),
    ),
)
WAVE = Expression(name="wave", expression="sin(x) + 0.5*x")
ARMS = Choices(values=("relu", "my_swish", "wave"))


def test_an_expression_is_a_choice_and_its_parameters_are_axes() -> None:
    space = build_space({"activation": ARMS}, (SWISH, WAVE))
    assert space.activations == ("relu", "my_swish", "wave")
    assert space.axes["my_swish_beta"] == Range(low=0.1, high=3.0, log=True)
    assert space.axes["my_swish_shift"] == Choices(values=(0.0,))
    assert set(space.own) == {"my_swish", "wave"}
    assert space.check({"activation": "my_swish", "my_swish_beta": 2}) == {
        "activation": "my_swish",
        "my_swish_beta": 2.0,
    }
    with pytest.raises(InvalidInput, match="exists only where activation is 'my_swish'"):
        space.check({"activation": "relu", "my_swish_beta": 2})


def test_the_axis_of_a_parameter_can_be_replaced() -> None:
    asked = {"activation": ARMS, "my_swish_beta": Choices(values=(0.5, 1.0))}
    space = build_space(asked, (SWISH, WAVE))
    assert space.axes["my_swish_beta"] == Choices(values=(0.5, 1.0))
    with pytest.raises(InvalidInput, match=re.escape("must lie in [0.1, 3]")):
        build_space({**asked, "my_swish_beta": Choices(values=(4.0,))}, (SWISH, WAVE))


def test_parameters_are_suggested_with_their_activation_only() -> None:
    space = build_space({"activation": ARMS}, (SWISH, WAVE))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = [space.suggest(study.ask()) for _ in range(30)]
    for params in seen:
        assert ("my_swish_beta" in params) == (params["activation"] == "my_swish")
    assert {params["activation"] for params in seen} == {"relu", "my_swish", "wave"}


def test_a_condition_is_known_by_the_axis_alone() -> None:
    own = condition_of("my_swish_beta")
    assert own is not None
    assert own.axis == "activation"
    assert own.holds({"activation": "my_swish"})
    assert not own.holds({"activation": "relu"})
    assert condition_of("depth") is None
    listed = condition_of("prelu_slope")
    assert listed is not None
    assert listed.holds({"activation": "prelu"})


@pytest.mark.parametrize(
    ("expressions", "words"),
    [
        ((SWISH,), "'wave' is not known"),
        ((SWISH, WAVE, Expression(name="spare", expression="x")), "'spare' is defined but not"),
        ((SWISH, WAVE, WAVE), "two expressions are called 'wave'"),
        ((SWISH, Expression(name="wave", expression="1/x")), "'wave': the expression '1/x' has"),
        ((SWISH, Expression(name="wave", expression="x +")), "'wave': the expression has its end"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    expressions: tuple[Expression, ...], words: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        build_space({"activation": ARMS}, expressions)


def test_two_activations_with_the_same_axis_are_refused() -> None:
    parameter = ExpressionParameter(name="a_b", default=1.0)
    other = ExpressionParameter(name="b", default=1.0)
    clash = (
        Expression(name="my", expression="a_b*x", parameters=(parameter,)),
        Expression(name="my_a", expression="b*x", parameters=(other,)),
    )
    with pytest.raises(InvalidInput, match="an axis called 'my_a_b'"):
        build_space({"activation": Choices(values=("my", "my_a"))}, clash)
