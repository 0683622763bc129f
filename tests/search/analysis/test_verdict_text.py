"""The verdict in words: which question it answers, with what digits, and nothing left unsaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from search.analysis.metric_words import MetricWords
from search.analysis.verdict import verdict
from search.metrics import get_metric
from search.study import ConfirmationRun, Question
from tests.search.analysis.confirmations import Model, runs_of

LOSS = get_metric("log_loss")
NAMES = ("gelu", "relu", "silu", "tanh", "sigmoid", "elu")


def told(runs: list[ConfirmationRun], **facts: Any) -> str:
    arms = facts.pop("arms", sorted({run.arm for run in runs}))
    return verdict(runs, (), facts.pop("metric", LOSS), arms=arms, **facts).sentence


def drawn(seed: int = 0, **model: Any) -> list[ConfirmationRun]:
    return Model(**model).runs(np.random.default_rng(seed), names=NAMES, baseline=True)


def test_a_winner_is_named_with_its_question_and_its_lead() -> None:
    text = told(drawn(truth=(0.1, 0.2, 0.22)))
    assert text.startswith(
        "GELU is the best activation for data like this, were the searches done again: ahead of "
    )
    assert "in log loss" in text


def test_what_cannot_be_told_is_never_told_as_equality() -> None:
    text = told(drawn(truth=(0.1, 0.103, 0.102), luck=0.01))
    assert text.startswith(
        "Which activation is best for data like this, were the searches done again, cannot be told"
    )
    assert "2 of the 2 others are not shown to be worse" in text
    for claim in ("as good as", "nothing separates", "equal", "the same as"):
        assert claim not in text
    assert "would have been shown to be worse, with 80 % probability, had it truly been" in text


def test_arms_shown_to_be_worse_are_named_with_their_distance() -> None:
    text = told(drawn(truth=(0.1, 0.101, 0.3)))
    assert "shown to be worse than " in text
    assert "SiLU by 0.2" in text


def test_equivalence_says_how_large_a_difference_it_rules_out() -> None:
    model = {"luck": 1e-4, "training": 1e-4, "splits": 0.0, "row_arm": 1e-3, "row_network": 1e-3}
    text = told(drawn(truth=(0.1, 0.1001), row_training=1e-3, **model))
    assert "is practically equivalent to" in text
    assert "the difference is shown to be below" in text
    assert "(5 % of the baseline's loss)" in text


def test_what_would_decide_is_said() -> None:
    text = told(drawn(truth=(0.1, 0.106), luck=0.008))
    assert "would show it with 80 %" in text or "would show one with 80 %" in text


@pytest.mark.parametrize(
    ("question", "arm", "words"),
    [
        (Question.DEPTH, "3-4", "depth 3-4 is the best depth"),
        (Question.INITIALIZER, "lecun_normal", "lecun_normal is the best initializer"),
        (Question.NORMALIZATION, "none", "no normalization is the best normalization"),
        (Question.SLOPE, "0.01", "negative slope 0.01 is the best negative slope"),
    ],
)
def test_each_question_has_its_words(question: Question, arm: str, words: str) -> None:
    runs = Model(truth=(0.1, 0.3)).runs(np.random.default_rng(0), names=(arm, "other"))
    assert words in told(runs, question=question).lower()


def test_many_names_are_counted() -> None:
    model = Model(truth=(0.1, 0.3, 0.3, 0.3, 0.3, 0.3))
    runs = [run for run in model.runs(np.random.default_rng(0), names=NAMES) if run.arm in NAMES]
    text = told(runs, tuned={**dict.fromkeys(NAMES, 10), "gelu": 100})
    assert "more had fewer trials than others, and cannot be called worse" in text
    assert "shown to be worse than GELU" not in text


def test_a_single_search_says_that_its_luck_is_assumed() -> None:
    text = told(drawn(truth=(0.1, 0.2), searches=1))
    assert "the luck of the search is not measured but assumed" in text
    assert "assumed" not in told(drawn(truth=(0.1, 0.2), searches=2))


def test_failed_and_unconfirmed_arms_are_named() -> None:
    runs = runs_of({"relu": [[0.9] * 6], "tanh": [[0.8] * 6], "selu": [[None] * 6]})
    text = told(runs, metric=get_metric("accuracy"), arms=["relu", "tanh", "selu", "elu"])
    assert "SELU failed in every run" in text
    assert "no trial of ELU came far enough, so it was not confirmed" in text


def test_importances_are_said_only_where_there_are_some() -> None:
    runs = drawn(truth=(0.1, 0.2))
    shares = {"learning_rate": 0.6, "activation": 0.1}
    assert (
        "among trials drawn at random the activation explains 10 % of the variance of ranks, the "
        "learning rate 60 %" in told(runs, importances=shares)
    )
    assert "variance" not in told(runs)


def test_two_objectives_are_judged_by_the_first_and_it_is_said() -> None:
    text = told(drawn(truth=(0.1, 0.2)), objectives=2)
    assert text.endswith("all this is by log loss, the first of 2 objectives.")


@pytest.mark.parametrize("seed", range(6))
def test_every_sentence_is_one_sentence(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = tuple(0.1 + 0.03 * rng.random(4))
    text = told(drawn(seed=seed, truth=truth))
    assert text[0].isupper()
    assert text.endswith(".")
    assert ". " not in text
    assert "  " not in text
    assert "nan" not in text.split()


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "words"),
    [
        ("accuracy", 0.5, 0.4, 0.6, "50.0 points [40.0, 60.0]"),
        ("accuracy", 0.0123, 0.011, 0.0136, "1.23 points [1.10, 1.36]"),
        ("mse", 1.5e12, 1e12, 2e12, "1.50e+12 [1.00e+12, 2.00e+12] in mean squared error"),
        ("log_loss", 0.0123, 0.01, 0.0146, "0.0123 [0.0100, 0.0146] in log loss"),
        ("r2", 0.5, 0.45, 0.55, "0.500 [0.450, 0.550] in R²"),
    ],
)
def test_numbers_have_the_digits_that_their_uncertainty_allows(
    metric: str, value: float, low: float, high: float, words: str
) -> None:
    assert MetricWords(metric=get_metric(metric)).interval(value, low, high) == words
