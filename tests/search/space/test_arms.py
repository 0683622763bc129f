"""Arms: the values of the axis that a study asks about, each a space of its own."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
import pytest

from search.errors import InvalidInput
from search.space import Arms, build_arms, build_space
from search.space.arms import question_axes
from search.study import Axis, Choices, ParamValue, Question, Range


def arms_of(question: Question, axes: Mapping[str, Axis] | None = None) -> Arms:
    return build_arms(build_space({**question_axes(question), **(axes or {})}), question)


def drawn(arms: Arms, arm: str, count: int = 30) -> list[dict[str, ParamValue]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [arms.space(arm).suggest(study.ask()) for _ in range(count)]


@pytest.mark.parametrize(
    ("question", "axes", "names"),
    [
        (Question.ACTIVATION, {"activation": Choices(values=("relu", "tanh"))}, ("relu", "tanh")),
        (
            Question.INITIALIZER,
            {},
            ("xavier_uniform", "kaiming_normal", "lecun_normal", "scaled_orthogonal"),
        ),
        (Question.DEPTH, {"depth": Range(low=1, high=3)}, ("1", "2", "3")),
        (Question.DEPTH, {"depth": Range(low=1, high=8)}, ("1-2", "3-4", "5-6", "7-8")),
        (Question.DEPTH, {"depth": Range(low=1, high=6)}, ("1-2", "3-4", "5-6")),
        (
            Question.DEPTH,
            {"depth": Range(low=1, high=50, log=True)},
            ("1-2", "3-6", "7-18", "19-50"),
        ),
        (Question.DEPTH, {"depth": Range(low=2, high=10, step=4)}, ("2", "6", "10")),
        (Question.DEPTH, {"depth": Choices(values=(1, 2, 8))}, ("1", "2", "8")),
        (
            Question.NORMALIZATION,
            {"normalization": Choices(values=("none", "batch"))},
            ("none", "batch"),
        ),
        (
            Question.SLOPE,
            {"leaky_relu_slope": Range(low=0.0, high=0.4)},
            ("0-0.1", "0.1-0.2", "0.2-0.3", "0.3-0.4"),
        ),
        (
            Question.SLOPE,
            {"activation": Choices(values=("prelu",)), "prelu_slope": Choices(values=(0.0, 0.25))},
            ("0", "0.25"),
        ),
    ],
)
def test_arms_are_the_values_or_levels_of_the_axis(
    question: Question, axes: Mapping[str, Axis], names: tuple[str, ...]
) -> None:
    assert arms_of(question, axes).names == names


@pytest.mark.parametrize("question", list(Question))
def test_every_configuration_drawn_in_an_arm_belongs_to_it(question: Question) -> None:
    arms = arms_of(question)
    for name in arms.names:
        assert {arms.of(params) for params in drawn(arms, name)} == {name}


@pytest.mark.parametrize("question", list(Question))
def test_every_configuration_of_the_study_belongs_to_one_arm(question: Question) -> None:
    space = build_space(question_axes(question))
    arms = build_arms(space, question)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(100):
        assert arms.of(space.suggest(study.ask())) in arms.names


def test_an_arm_has_no_axes_of_other_arms() -> None:
    arms = arms_of(Question.ACTIVATION)
    assert "prelu_slope" in arms.space("prelu").axes
    assert "prelu_slope" not in arms.space("relu").axes
    assert "gain" not in arms_of(Question.INITIALIZER).space("xavier_uniform").axes


@pytest.mark.parametrize(
    ("question", "changed", "arm"),
    [
        (Question.ACTIVATION, {"activation": "relu", "initializer": "kaiming_normal"}, "relu"),
        (
            Question.INITIALIZER,
            {"activation": "relu", "initializer": "kaiming_normal"},
            "kaiming_normal",
        ),
        (
            Question.DEPTH,
            {"activation": "relu", "initializer": "kaiming_normal", "depth": 2},
            "1-2",
        ),
        (
            Question.SLOPE,
            {"initializer": "kaiming_normal", "leaky_relu_slope": 0.01},
            "0.00473-0.0224",
        ),
    ],
)
def test_the_baseline_is_the_usual_network_at_given_settings(
    question: Question, changed: Mapping[str, ParamValue], arm: str
) -> None:
    arms = arms_of(question)
    settings = drawn(arms, arms.names[-1], 1)[0]
    usual = arms.usual(settings)
    assert {name: usual[name] for name in changed} == changed
    kept = settings.keys() & usual.keys() - changed.keys()
    assert {name: usual[name] for name in kept} == {name: settings[name] for name in kept}
    assert arms.baseline == arm
    assert arms.of(usual) == arm


@pytest.mark.parametrize("activations", [("relu",), ("leaky_relu", "prelu")])
def test_slopes_of_no_or_several_activations_are_refused(activations: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="set activation to one of leaky_relu, prelu"):
        arms_of(Question.SLOPE, {"activation": Choices(values=activations)})


def test_a_configuration_outside_the_space_bears_its_own_value() -> None:
    arms = arms_of(Question.ACTIVATION, {"activation": Choices(values=("tanh",))})
    assert arms.of({"activation": "relu"}) == "relu"
    assert arms.baseline == "relu"
