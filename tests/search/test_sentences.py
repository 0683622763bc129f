"""The verdict in words: every case a person can meet reads as a sentence with its numbers."""

import numpy as np
import pytest

from search.metrics import get_metric
from search.study import TestRole, TestRun
from search.verdict import verdict
from tests.search.simulated import NAMES, runs_of
from tests.search.test_verdict import SHARES, a_test, judged, scores


def said(table, **facts) -> str:
    return judged(table, **facts)["sentence"]


USUAL = scores(relu=0.94)["relu"][0]


def test_a_winner_is_named_with_its_lead_in_points() -> None:
    text = said(scores(gelu=0.98, silu=0.95, relu=0.94), baseline=USUAL)
    assert text.startswith("GELU is the best, ahead of SiLU, the next, by 3.0")
    assert " points [" in text
    assert "it beats the baseline (ReLU with He initialization) by " in text
    assert text.endswith("the activation matters less here than the learning rate.")


def test_two_tied_ones_beat_the_baseline_together() -> None:
    text = said(scores(gelu=0.98, silu=0.98, tanh=0.90), baseline=USUAL)
    assert text.startswith(("SiLU and GELU are tied", "GELU and SiLU are tied"))
    assert "GELU is the simplest of them" in text
    assert "no number of repeats would make that certain" in text
    assert "both beat the baseline (ReLU with He initialization) by at least " in text


def test_at_least_is_the_least_of_the_gains() -> None:
    folds = list(np.random.default_rng(0).normal(scale=0.003, size=15))
    table = {
        "gelu": [[0.980 + fold for fold in folds]],
        "silu": [[0.978 + fold + 0.01 * (-1) ** i for i, fold in enumerate(folds)]],
    }
    text = said(table, baseline=[0.90 + fold for fold in folds])
    assert "both beat the baseline (ReLU with He initialization) by at least 7." in text


def test_nothing_separates_them_is_said_in_so_many_words() -> None:
    text = said(scores(gelu=0.94, relu=0.94), baseline=USUAL)
    assert text.startswith("Nothing separates the two activations (")
    assert "none of them is shown to beat the baseline" in text


def test_many_names_are_counted() -> None:
    rng = np.random.default_rng(0)
    table = {name: rng.normal(0.9, 0.01, size=(3, 15)) for name in NAMES[:8]}
    assert "Nothing separates the 8 activations (" in said(table)
    assert " and 5 more)" in said(table)


def test_losses_are_told_in_their_own_units_as_gains() -> None:
    text = said(scores(gelu=0.10, relu=0.2), metric=get_metric("log_loss"))
    assert text.startswith("GELU is the best, ahead of ReLU, the next, by 0.09")
    assert " in log loss" in text
    assert "points" not in text
    text = said(scores(gelu=0.9, relu=0.5), metric=get_metric("r2"))
    assert " in R²" in text


def test_numbers_have_the_digits_that_their_uncertainty_allows() -> None:
    rng = np.random.default_rng(0)
    table = {
        "gelu": rng.normal(3000, 10, size=(3, 15)),
        "relu": rng.normal(3400, 10, size=(3, 15)),
    }
    text = said(table, metric=get_metric("mse"))
    gain = text.split(" by ")[1].split(" ")[0]
    assert 380 < int(gain) < 420


def test_an_activation_that_matters_most_is_said_to() -> None:
    text = said(scores(gelu=0.98, relu=0.9), shares={"activation": 0.7, "learning_rate": 0.2})
    assert "the activation matters more here than the learning rate" in text
    assert "matters" not in said(scores(gelu=0.98, relu=0.9), shares={})
    assert "matters" not in said(scores(gelu=0.98, relu=0.9), shares={"activation": 1.0})


def test_the_held_out_score_is_compared_with_validation() -> None:
    tests = [a_test(TestRole.WINNER, 0.95, 0.97)]
    text = said(scores(gelu=0.97, relu=0.9), tests=tests)
    assert "test rows GELU scores 95.0 %, 2.0 points worse than in validation" in text
    tests = [a_test(TestRole.WINNER, 0.97, 0.97)]
    text = said(scores(gelu=0.97), tests=tests)
    assert "GELU scores 97.00 %, as in validation" in text


def test_a_linear_model_that_does_as_well_is_mentioned() -> None:
    tests = [a_test(TestRole.WINNER, 0.95, 0.97), a_test(TestRole.LINEAR, 0.96, 0.96)]
    assert "a linear model does as well on the test rows" in said(scores(gelu=0.97), tests=tests)
    worse = [tests[0], a_test(TestRole.LINEAR, 0.90, 0.99)]
    assert "linear" not in said(scores(gelu=0.97), tests=worse)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 15])
@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_every_sentence_is_one_sentence(n: int, metric: str) -> None:
    rng = np.random.default_rng(n)
    for count in (1, 2, 3, 7):
        table = {name: rng.normal(0.9, 0.01, size=(2, n)) for name in NAMES[:count]}
        runs = runs_of(table, metric=metric, baseline=list(rng.normal(0.9, 0.01, size=n)))
        test = TestRun(role=TestRole.WINNER, params={}, scores={}, validation_scores={}, repeats=0)
        text = verdict(runs, [test], get_metric(metric), SHARES)["sentence"]
        assert text[0].isupper()
        assert text.endswith(".")
        assert not any(odd in text for odd in ("nan", "None", "inf ", "  ", "..", "; ;"))
