"""The verdict as a value: what it says, in which direction, and that strict JSON can hold it."""

import json
from dataclasses import asdict, replace
from math import inf, nan

import numpy as np
import pytest

from search.analysis.comparisons import pick_winner
from search.analysis.verdict import confirmed_bests, verdict
from search.metrics import METRICS, get_metric
from search.study import TestRole, TestRun
from tests.search.analysis.simulated import NAMES, runs_of

ACCURACY, LOG_LOSS = get_metric("accuracy"), get_metric("log_loss")
SHARES = {"learning_rate": 0.6, "activation": 0.1, "depth": 0.3}


def scores(n: int = 15, seed: int = 0, noise: float = 0.003, **means: float):
    """Three configurations each, on common folds of changing difficulty."""
    rng = np.random.default_rng(seed)
    folds = 0.01 * rng.normal(size=n)
    return {
        name: [list(mean + folds + noise * rng.normal(size=n)) for _ in range(3)]
        for name, mean in means.items()
    }


def judged(table, *, metric=ACCURACY, tests=(), shares=SHARES, **facts):
    return verdict(runs_of(table, metric=metric.name, **facts), tests, metric, shares)


def test_one_better_activation_is_the_winner() -> None:
    found = judged(scores(gelu=0.98, silu=0.95, relu=0.94))
    assert (found.outcome, found.winner) == ("winner", "gelu")
    assert found.tied_with == ()
    assert found.repeats_needed is None
    assert [row.activation for row in found.comparisons] == ["gelu", "silu", "relu"]
    assert [row.tied for row in found.comparisons] == [True, False, False]


def test_of_the_tied_the_simplest_is_recommended_and_all_are_named() -> None:
    found = judged(scores(gelu=0.98, silu=0.98, relu=0.98, tanh=0.90))
    assert found.outcome == "tied"
    assert found.winner == "relu"
    assert set(found.tied_with) == {"gelu", "silu"}
    assert found.params["activation"] == "relu"


def test_the_recommended_configuration_is_the_activations_best() -> None:
    table = scores(gelu=0.98, relu=0.90)
    table["gelu"][1] = [score + 0.005 for score in table["gelu"][1]]
    found = judged(table)
    assert found.trial == 1
    assert pick_winner(runs_of(table), ACCURACY) == found.params


def test_scores_and_differences_are_in_the_units_of_the_metric() -> None:
    table = {"relu": [[0.8, 0.6, 0.7]], "tanh": [[0.5, 0.4, 0.3]]}
    row = judged(table).comparisons[1]
    assert (row.activation, row.n, row.mean, row.worst) == (
        "tanh",
        3,
        pytest.approx(0.4),
        0.3,
    )
    assert row.sd == pytest.approx(0.1)
    assert row.difference == pytest.approx(-0.3)
    assert row.difference_low < -0.3 < row.difference_high


def test_where_less_is_better_everything_turns_round() -> None:
    found = judged(scores(gelu=0.10, relu=0.2, tanh=0.3), metric=LOG_LOSS)
    assert found.winner == "gelu"
    relu = found.comparisons[1]
    assert relu.difference == pytest.approx(0.1, abs=0.01)
    assert 0.0 < relu.difference_low < relu.difference < relu.difference_high
    assert relu.ci_low < relu.mean < relu.ci_high
    assert relu.worst > relu.mean


def test_turning_the_scores_turns_nothing_but_signs() -> None:
    table = scores(gelu=0.10, relu=0.11, tanh=0.13)
    turned = {name: [[-s for s in row] for row in rows] for name, rows in table.items()}
    one = judged(table, metric=LOG_LOSS)
    other = judged(turned, metric=get_metric("r2"))
    assert [row.activation for row in one.comparisons] == ["gelu", "relu", "tanh"]
    for a, b in zip(one.comparisons, other.comparisons, strict=True):
        assert a.p_adjusted == pytest.approx(b.p_adjusted)
        assert a.difference == pytest.approx(-b.difference)
    assert one.winner == other.winner


@pytest.mark.parametrize("factor", [1e200, 1e100, 1e-100, 1e-200, 1e-250])
def test_the_size_of_the_target_changes_nothing_but_the_unit(factor: float) -> None:
    # A target of 1e100 has squared errors of 1e200, whose own squares no float can hold.
    table = scores(gelu=0.10, silu=0.101, relu=0.11, tanh=0.13)
    scaled = {name: [[factor * s for s in row] for row in rows] for name, rows in table.items()}
    usual = table["relu"][0]
    metric = get_metric("mse")
    one = judged(table, metric=metric, baseline=usual)
    other = judged(scaled, metric=metric, baseline=[factor * score for score in usual])
    assert (other.outcome, other.winner, other.failed) == (one.outcome, one.winner, ())
    assert [row.tied for row in one.comparisons] == [True, True, False, False]
    for a, b in zip(one.comparisons, other.comparisons, strict=True):
        assert b.p_adjusted == (a.p_adjusted and pytest.approx(a.p_adjusted, rel=1e-9))
        assert b.probability_best == pytest.approx(a.probability_best)
        for name in ("mean", "sd", "worst", "ci_low", "ci_high", "search_sd", "difference"):
            assert getattr(b, name) == pytest.approx(factor * getattr(a, name), rel=1e-9), name
    assert other.baseline.difference == pytest.approx(factor * one.baseline.difference)
    assert other.baseline.difference_low == pytest.approx(factor * one.baseline.difference_low)


def test_the_baseline_is_described_and_compared() -> None:
    table = scores(gelu=0.98, relu=0.95)
    usual = scores(relu=0.94)["relu"][0]
    baseline = judged(table, baseline=usual).baseline
    assert baseline.activation == "relu"
    assert baseline.mean == pytest.approx(np.mean(usual))
    assert baseline.difference == pytest.approx(0.04, abs=0.005)
    assert baseline.p_adjusted < 0.05
    assert baseline.difference_low > 0.0
    assert judged(table).baseline is None


def test_too_few_pairs_leave_it_undecided_and_say_how_many_more() -> None:
    found = judged(scores(n=3, gelu=0.98, relu=0.5))
    assert found.outcome == "undecided"
    assert found.repeats_needed == 1
    assert "at least 6 are needed: ask for 1 more repeat" in found.sentence


def test_with_too_few_pairs_the_power_says_how_many_more_where_it_can() -> None:
    # two pairs are enough to see that four more would not do: the difference is small
    rng = np.random.default_rng(0)
    row = rng.normal(scale=0.01, size=2)
    table = {"relu": [0.9 + row] * 2, "tanh": [0.894 + row + [0.002, -0.002]] * 2}
    found = judged(table, folds=1)
    assert found.outcome == "undecided"
    assert found.repeats_needed > 4
    one = judged({"relu": [[0.9]] * 2, "tanh": [[0.5]] * 2}, folds=1)
    assert one.repeats_needed == 5
    assert "1 pair of runs cannot name a winner" in one.sentence


def test_hundreds_of_equal_differences_are_a_verdict_too() -> None:
    table = {"relu": [[0.9] * 1200] * 2, "tanh": [[0.8] * 1200] * 2}
    found = judged(table, folds=50)
    assert found.winner == "relu"
    assert found.comparisons[1].p_adjusted < 1e-300


def test_a_promising_difference_asks_for_more_repeats() -> None:
    # ten folds in one repeat: the shared rows weigh little, repeats bring much
    documents = [
        judged(scores(n=10, seed=seed, noise=0.004, gelu=0.953, relu=0.950), folds=10)
        for seed in range(12)
    ]
    open_ones = [found for found in documents if found.outcome == "undecided"]
    assert open_ones
    for found in open_ones:
        assert found.repeats_needed >= 1
        assert f"{found.repeats_needed} more repeat" in found.sentence


def test_identical_scores_are_tied_for_good() -> None:
    row = list(np.linspace(0.8, 0.9, 15))
    found = judged({"relu": [row, row], "leaky_relu": [row, row]})
    assert (found.outcome, found.winner) == ("tied", "relu")
    assert found.comparisons[1].p_value == 1.0
    assert "score the same" in found.sentence


def test_activations_that_always_fail_are_named_and_left_out() -> None:
    found = judged(scores(gelu=0.98, relu=0.9) | {"sigmoid": [[None] * 15]})
    assert found.failed == ("sigmoid",)
    assert {row.activation for row in found.comparisons} == {"gelu", "relu"}
    assert "Sigmoid failed in every run" in found.sentence


def test_nothing_but_failures_is_a_verdict_too() -> None:
    found = judged({"relu": [[None] * 15]}, baseline=[None] * 15)
    assert (found.outcome, found.winner) == ("undecided", None)
    assert found.comparisons == ()
    assert pick_winner(runs_of({"relu": [[None] * 15]}), ACCURACY) is None
    assert judged({}).winner is None


def test_a_lone_activation_is_compared_with_the_baseline_only() -> None:
    found = judged(scores(gelu=0.98), baseline=scores(relu=0.9)["relu"][0])
    assert (found.outcome, found.winner) == ("undecided", "gelu")
    assert "only activation confirmed" in found.sentence
    assert found.baseline.p_adjusted < 0.05


def test_failed_runs_count_against_their_activation() -> None:
    table = scores(gelu=0.98, silu=0.98, relu=0.5)
    table["silu"][0][3:9] = [None] * 6
    found = judged(table)
    by_name = {row.activation: row for row in found.comparisons}
    assert by_name["silu"].failures == 6
    assert by_name["silu"].mean < by_name["gelu"].mean - 0.03
    assert by_name["silu"].worst < 0.6


def a_test(role: TestRole, score: float, validation: float, repeats: int = 5) -> TestRun:
    return TestRun(
        role=role,
        params={"activation": "gelu"},
        scores={"accuracy": score, "log_loss": nan},
        validation_scores={"accuracy": validation},
        repeats=repeats,
    )


def test_the_held_out_test_says_how_far_validation_flattered_itself() -> None:
    tests = [
        a_test(TestRole.WINNER, 0.95, 0.97),
        a_test(TestRole.BASELINE, 0.93, 0.94),
        a_test(TestRole.LINEAR, 0.90, 0.91),
    ]
    test = judged(scores(gelu=0.97, relu=0.9), tests=tests).test
    assert test.optimism == pytest.approx(0.02)
    assert (test.winner.score, test.winner.validation_score) == (0.95, 0.97)
    assert test.winner.scores["log_loss"] is None
    assert test.linear.score == 0.90
    assert test.trivial is None
    assert judged(scores(gelu=0.97)).test is None


def test_optimism_is_positive_where_a_loss_grew() -> None:
    run = TestRun(
        role=TestRole.WINNER,
        params={"activation": "gelu"},
        scores={"log_loss": 0.3},
        validation_scores={"log_loss": 0.2},
        repeats=1,
    )
    test = judged(scores(gelu=0.2), metric=LOG_LOSS, tests=[run]).test
    assert test.optimism == pytest.approx(0.1)


def test_a_test_without_test_rows_has_no_optimism() -> None:
    run = replace(a_test(TestRole.WINNER, 0.9, 0.9), scores={})
    test = judged(scores(gelu=0.9), tests=[run]).test
    assert test.optimism is None
    assert test.winner.score is None


def test_rows_of_the_best_configuration_stand_beside_the_search() -> None:
    table = {"relu": [[0.8, 0.6, 0.7], [0.9, 0.8, 0.7]], "tanh": [[0.5, 0.4, None]]}
    rows = confirmed_bests(runs_of(table), ACCURACY)
    assert rows["relu"].confirmed_number == 1
    assert (rows["relu"].n, rows["relu"].mean) == (3, pytest.approx(0.8))
    assert rows["relu"].worst == 0.7
    assert rows["relu"].ci_low < 0.8 < rows["relu"].ci_high
    assert rows["tanh"].confirmed_failures == 1


def test_the_interval_of_the_best_of_three_covers_its_true_score() -> None:
    # choosing the best of three equals flatters its mean; the correction for shared rows covers it
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        shared = np.sqrt(1 / 3) * rng.normal(size=(3, 1))
        table = 0.5 + 0.01 * (shared + np.sqrt(2 / 3) * rng.normal(size=(3, 15)))
        row = confirmed_bests(runs_of({"relu": table}), ACCURACY)["relu"]
        covered += row.ci_low < 0.5 < row.ci_high
    assert covered / 400 >= 0.93


@pytest.mark.parametrize(
    "metric", [m for m in METRICS.values() if m.recorded], ids=lambda m: m.name
)
def test_every_number_is_finite_whatever_was_recorded(metric) -> None:
    rng = np.random.default_rng(1)
    wild = {
        name: [[rng.choice([0.5, nan, inf, -inf, 1e300, 0.0, 0.7]) for _ in range(6)] for _ in "ab"]
        for name in NAMES[:5]
    }
    with np.errstate(over="ignore"):
        found = judged(wild, metric=metric, baseline=[0.1, nan, 0.2, 0.3, inf, 0.4])
    assert json.dumps(asdict(found), allow_nan=False)


def test_same_runs_give_the_same_verdict() -> None:
    table = scores(gelu=0.98, silu=0.979, relu=0.975)
    assert judged(table) == judged(table)


@pytest.mark.parametrize(
    ("name", "values", "low", "high"),
    [
        ("accuracy", (0.99, 0.5), 0.0, 1.0),
        ("log_loss", (0.05, 0.9), 0.0, np.inf),
        ("r2", (0.95, -0.5), -np.inf, 1.0),
    ],
)
def test_no_interval_reaches_where_no_score_can_be(name, values, low, high) -> None:
    good, bad = values
    table = {
        "relu": [[good] * 6, [good] * 5 + [bad]],
        "tanh": [[good] * 5 + [bad], [good] * 6],
        "gelu": [[good] * 6, [bad] * 6],
    }
    found = judged(table, metric=get_metric(name), folds=1, baseline=[bad] * 6)
    rows = found.comparisons
    assert any(row.ci_low == low or row.ci_high == high for row in rows)
    for row in rows:
        assert low <= row.ci_low <= row.mean <= row.ci_high <= high
    ends = [end for row in rows[1:] for end in (row.difference_low, row.difference_high)]
    for row in rows:
        ends += [row.baseline_difference_low, row.baseline_difference_high]
    widest = max(map(abs, ends))
    assert widest <= high - low
    assert (widest == 1.0) == (name == "accuracy")
