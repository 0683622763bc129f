"""The verdict in words: every case a person can meet reads as a sentence with its numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest

from search.analysis.verdict import verdict
from search.metrics import get_metric
from search.study import TestRole, TestRun
from tests.search.analysis.simulated import NAMES, runs_of
from tests.search.analysis.test_verdict import SHARES, a_test, judged, scores


def said(table, **facts) -> str:
    return judged(table, **facts).sentence


USUAL = scores(relu=0.94)["relu"][0]


def test_a_winner_is_named_with_its_lead_in_points() -> None:
    text = said(scores(gelu=0.98, silu=0.95, relu=0.94), baseline=USUAL)
    assert text.startswith("GELU is the best, ahead of SiLU, the next, by 3.0")
    assert " points [" in text
    assert "GELU beats the baseline (ReLU with He initialization) by " in text
    matters = "the activation matters less here than the learning rate"
    assert text.endswith(f"{matters} (10 % of the variance against 60 %).")


def test_two_tied_ones_beat_the_baseline_together() -> None:
    text = said(scores(gelu=0.98, silu=0.98, tanh=0.90), baseline=USUAL)
    assert text.startswith(("SiLU and GELU are tied", "GELU and SiLU are tied"))
    assert "and GELU is the simplest of them" in text
    assert "not even 100 repeats would make that certain" in text
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
    assert text.startswith("GELU is the best, ahead of ReLU by 0.09")
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


@pytest.mark.parametrize(("factor", "power"), [(1e200, "e+198"), (1e-200, "e-202")])
def test_numbers_far_from_one_have_an_exponent(factor: float, power: str) -> None:
    table = {
        name: [[factor * score for score in row] for row in rows]
        for name, rows in scores(gelu=0.010, relu=0.040, noise=0.001).items()
    }
    test = replace(
        a_test(TestRole.WINNER, 0.0, 0.0),
        scores={"mse": 0.012 * factor},
        validation_scores={"mse": 0.010 * factor},
    )
    text = said(table, metric=get_metric("mse"), tests=[test])
    assert re.search(rf"ahead of ReLU by (2\.9|3\.0)\d*{re.escape(power)} \[", text)
    assert f"scores 1.20{power}, 2.0e" in text
    assert max(map(len, text.split())) < 20


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
    text = said(scores(gelu=0.97), tests=tests)
    assert "a linear model does at least as well on the test rows, so a network may not" in text
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
        text = verdict(runs, [test], get_metric(metric), SHARES).sentence
        assert text[0].isupper()
        assert text.endswith(".")
        assert not any(odd in text for odd in ("nan", "None", "inf ", "  ", "..", "; ;"))


def test_a_network_no_better_than_chance_is_said_to_have_learned_nothing() -> None:
    tests = [
        a_test(TestRole.WINNER, 0.60, 0.63),
        a_test(TestRole.LINEAR, 0.65, 0.65),
        a_test(TestRole.TRIVIAL, 0.60, 0.60),
    ]
    text = said(scores(gelu=0.63), tests=tests)
    assert "a predictor that knows no features does at least as well on the test rows" in text
    assert "linear" not in text


def test_axes_that_matter_alike_are_said_to() -> None:
    shares = {"activation": 0.3, "depth": 0.4, "width": 0.1}
    text = said(scores(gelu=0.98, relu=0.9), shares=shares)
    assert "the activation matters about as much here as the depth (30 % of the variance" in text


def test_a_baseline_that_is_better_is_said_to_beat_them() -> None:
    good = scores(relu=0.98)["relu"][0]
    text = said(scores(sigmoid=0.90, tanh=0.90), baseline=good)
    assert "the baseline (ReLU with He initialization) beats both by at least 7." in text
    alone = said(scores(sigmoid=0.90), baseline=good)
    assert "the baseline (ReLU with He initialization) beats Sigmoid by 7." in alone
    assert "[-" not in alone


def test_a_recommended_configuration_that_is_the_baseline_is_said_to_be() -> None:
    same = "which is the configuration recommended"
    runs = runs_of(scores(relu=0.94, tanh=0.94), baseline=USUAL)
    own = max(
        (run for run in runs if run.activation == "relu" and run.trial is not None),
        key=lambda run: sum(r.scores["accuracy"] for r in runs if r.params == run.params),
    )
    recast = [replace(run, params=own.params) if run.trial is None else run for run in runs]
    text = verdict(recast, (), get_metric("accuracy"), SHARES).sentence
    assert f"shown to beat the baseline (ReLU with He initialization), {same}" in text
    assert same not in verdict(runs, (), get_metric("accuracy"), SHARES).sentence


def test_one_configuration_of_each_wins_for_itself_only() -> None:
    table = {name: rows[:1] for name, rows in scores(gelu=0.98, silu=0.95, relu=0.94).items()}
    found = judged(table)
    text = found.sentence
    assert (found.outcome, found.repeats_needed) == ("undecided", None)
    assert text.startswith("The one configuration of GELU beats that of SiLU, the next, by 2.")
    assert "does not tell an activation from the luck of its search: confirm two of each" in text
    tied = said({name: rows[:1] for name, rows in scores(gelu=0.95, relu=0.95).items()})
    assert "luck of its search" in tied
    against = judged(table, baseline=table["gelu"][0]).sentence
    assert "; GELU is not shown to beat the baseline" in against
    assert "repeat" not in tied


def test_one_setting_for_all_leaves_nothing_to_luck() -> None:
    table = {name: rows[:1] for name, rows in scores(gelu=0.98, leaky_relu=0.95).items()}
    params = {"depth": 2, "learning_rate": 0.01}
    runs = [
        replace(run, params={"activation": run.activation, **params})
        if run.activation == "gelu"
        else replace(run, params={"activation": run.activation, "leaky_relu_slope": 0.1, **params})
        for run in runs_of(table)
    ]
    found = verdict(runs, (), get_metric("accuracy"), {})
    assert (found.outcome, found.winner) == ("winner", "gelu")
    assert found.sentence.startswith("GELU is the best, ahead of Leaky ReLU by 2.")


@pytest.mark.parametrize(
    ("names", "clause"),
    [
        (["sigmoid"], "no trial of Sigmoid came to its end, so it was not confirmed"),
        (["elu", "selu"], "no trial of ELU or SELU came to its end, so they were not confirmed"),
    ],
)
def test_activations_without_a_complete_trial_are_named(names: list[str], clause: str) -> None:
    runs = runs_of(scores(gelu=0.9), baseline=USUAL)
    found = verdict(runs, (), get_metric("accuracy"), SHARES, unconfirmed=names)
    assert list(found.unconfirmed) == names
    assert clause in found.sentence
    nothing = verdict((), (), get_metric("accuracy"), {}, unconfirmed=names)
    assert (nothing.outcome, nothing.winner) == ("undecided", None)
    assert nothing.sentence.startswith("Nothing could be confirmed; no trial of ")


def test_a_best_that_no_simpler_one_comes_near_is_recommended_for_that() -> None:
    table = scores(gelu=0.97, relu=0.97)
    table["relu"][0][4] = -60.0
    text = said(table, metric=get_metric("r2"))
    assert "and no simpler one is within one standard error of GELU, the best" in text
