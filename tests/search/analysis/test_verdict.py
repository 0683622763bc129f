"""The verdict as a value: what it says, in which direction, and that strict JSON can hold it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from search.analysis.confirmation_table import tabulate
from search.analysis.error_model import error_model
from search.analysis.probability_best import probability_best
from search.analysis.recommendation import pick_winner
from search.analysis.verdict import confirmed_bests, verdict
from search.metrics import METRICS, Direction, Metric, get_metric
from search.study import BlockSums, ConfirmationRun, Evaluation, Question, TestRole, TestRun
from search.study.results import ArmComparison, Outcome, Stopped, Verdict
from tests.search.analysis.confirmations import NAMES, Model, runs_of

ACCURACY, LOSS = get_metric("accuracy"), get_metric("log_loss")


def judged(runs: list[ConfirmationRun], metric: Metric = LOSS, **facts: Any) -> Verdict:
    names = sorted({run.arm for run in runs})
    return verdict(runs, facts.pop("tests", ()), metric, **{"arms": names, **facts})


def drawn(seed: int = 0, **model: Any) -> list[ConfirmationRun]:
    return Model(**model).runs(np.random.default_rng(seed), baseline=True)


def row_of(found: Verdict, arm: str) -> ArmComparison:
    return next(row for row in found.comparisons if row.arm == arm)


def test_one_better_arm_is_the_winner() -> None:
    found = judged(drawn(truth=(0.1, 0.2, 0.22)))
    assert (found.outcome, found.winner, found.best) == (Outcome.WINNER, NAMES[0], NAMES[0])
    assert found.tied_with == ()
    assert found.stopped is Stopped.DECIDED
    assert [row.worse for row in found.comparisons] == [False, True, True]
    assert (found.repeats_needed, found.searches_needed, found.rows_needed) == (None,) * 3


def test_arms_that_differ_by_next_to_nothing_are_equivalent() -> None:
    model = {"luck": 1e-4, "training": 1e-4, "splits": 0.0, "row_arm": 1e-3, "row_network": 1e-3}
    found = judged(drawn(truth=(0.1, 0.1001, 0.1002), row_training=1e-3, **model))
    assert found.outcome is Outcome.EQUIVALENT
    assert [row.equivalent for row in found.comparisons] == [False, True, True]
    assert found.region == pytest.approx(0.005, rel=0.1)
    assert "5 % of the baseline's loss" in (found.region_rule or "")


def test_what_cannot_be_told_is_tied_and_says_what_would_tell() -> None:
    found = judged(drawn(2, truth=(0.1, 0.108), luck=0.006))
    assert found.outcome in (Outcome.TIED, Outcome.UNDECIDED)
    other = found.comparisons[1]
    assert not other.worse
    assert not other.equivalent
    assert other.detectable is not None
    assert other.difference is not None
    assert other.detectable > other.difference > 0.0
    assert found.rows_needed == other.rows_needed == 19


def test_the_simplest_within_one_standard_error_is_recommended() -> None:
    names = ("gelu", "relu", "silu")
    runs = Model(truth=(0.1, 0.101, 0.101)).runs(np.random.default_rng(3), names=names)
    found = judged(runs)
    assert {row.arm for row in found.comparisons if row.tied} == set(names)
    assert found.winner == "relu"
    by_depth = judged(runs, question=Question.DEPTH)
    assert by_depth.winner == by_depth.best
    assert pick_winner(runs, LOSS) == found.params


def test_scores_and_differences_are_in_the_units_of_the_metric() -> None:
    table = {"relu": [[0.8, 0.6, 0.7] * 2] * 2, "tanh": [[0.5, 0.4, 0.3] * 2] * 2}
    found = judged(runs_of(table), ACCURACY)
    relu, tanh = found.comparisons
    assert (relu.arm, relu.mean, relu.n) == ("relu", pytest.approx(0.7), 6)
    assert (relu.worst, tanh.worst) == (pytest.approx(0.6), pytest.approx(0.3))
    assert relu.difference == 0.0
    assert tanh.difference == pytest.approx(-0.3)
    assert tanh.difference_low is not None
    assert tanh.difference_high is not None
    assert tanh.difference_low < -0.3 < tanh.difference_high < 0.0


def test_where_less_is_better_everything_turns_round() -> None:
    table = {"relu": [[0.8, 0.6, 0.7] * 2] * 2, "tanh": [[0.5, 0.4, 0.3] * 2] * 2}
    tanh, relu = judged(runs_of(table, metric="log_loss")).comparisons
    assert (tanh.arm, tanh.worst, relu.worst) == ("tanh", pytest.approx(0.5), pytest.approx(0.8))
    assert relu.difference == pytest.approx(0.3)
    assert relu.difference_low is not None
    assert relu.difference_low > 0.0


@pytest.mark.parametrize("factor", [1e-100, 1e100, 1e200])
def test_the_size_of_the_target_changes_nothing_but_the_unit(factor: float) -> None:
    rng = np.random.default_rng(0)
    table = {
        name: [list(mean + 0.1 * rng.random(6)) for _ in range(3)]
        for name, mean in (("relu", 1.0), ("tanh", 1.3), ("elu", 1.05))
    }
    scaled = {n: [[factor * s for s in row] for row in rows] for n, rows in table.items()}
    mse = get_metric("mse")
    one, other = (
        judged(runs_of(table, metric="mse"), mse),
        judged(runs_of(scaled, metric="mse"), mse),
    )
    assert (one.outcome, one.winner) == (other.outcome, other.winner)
    for before, after in zip(one.comparisons, other.comparisons, strict=True):
        assert after.mean == pytest.approx(factor * (before.mean or 0.0))
        assert after.p_value == (before.p_value and pytest.approx(before.p_value, rel=1e-6))


def test_an_arm_that_was_tuned_less_is_never_called_worse() -> None:
    runs = drawn(truth=(0.1, 0.3))
    tuned = {NAMES[0]: 120, NAMES[1]: 60}
    found = judged(runs, tuned=tuned)
    other = row_of(found, NAMES[1])
    assert (other.unequal_tuning, other.worse, other.tied) == (True, False, True)
    assert other.tuned == 60
    assert found.outcome is not Outcome.WINNER
    assert row_of(judged(runs, tuned={**tuned, NAMES[1]: 110}), NAMES[1]).worse


def test_arms_that_always_fail_are_named_and_left_out() -> None:
    runs = runs_of({"relu": [[0.9] * 6], "selu": [[None] * 6]})
    found = judged(runs, ACCURACY)
    assert found.failed == ("selu",)
    assert [row.arm for row in found.comparisons] == ["relu"]
    assert found.outcome is Outcome.UNDECIDED


def test_nothing_but_failures_is_a_verdict_too() -> None:
    found = judged(runs_of({"relu": [[None] * 6], "selu": [[None] * 6]}), ACCURACY)
    assert (found.winner, found.network, found.baseline) == (None, None, None)
    assert found.failed == ("relu", "selu")
    assert "nothing was compared" in found.sentence


def test_failed_runs_count_against_their_arm() -> None:
    whole = [0.9, 0.8, 0.85] * 2
    broken = [0.9, None, 0.85] * 2
    found = judged(
        runs_of({"relu": [whole] * 2, "tanh": [broken] * 2, "elu": [[0.5] * 6]}), ACCURACY
    )
    tanh = row_of(found, "tanh")
    assert tanh.failures == 4
    # A failed run has the worst score of its resample: 0.5, of elu.
    assert tanh.mean == pytest.approx((0.9 + 0.5 + 0.85) / 3)
    assert tanh.worst == pytest.approx(0.5)


def test_the_arm_with_the_worst_mean_is_never_the_likeliest_best() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        # Three arms of little luck and one, no better, whose searches end anywhere.
        model = Model(truth=(0.1, 0.1, 0.1, 0.11), luck=(0.001, 0.001, 0.001, 0.2))
        table = tabulate(model.runs(rng), LOSS)
        chances = probability_best(table, error_model(table, LOSS))
        assert chances.sum() == pytest.approx(1.0)
        assert chances.argmax() != len(chances) - 1


def test_the_chances_of_two_arms_are_those_of_their_difference() -> None:
    table = tabulate(Model(truth=(0.1, 0.105)).runs(np.random.default_rng(0)), LOSS)
    model = error_model(table, LOSS)
    chances = probability_best(table, model)
    difference = model.difference(table.arms[0], table.arms[1])
    assert chances[0] == pytest.approx(1.0 - difference.p_one_sided, abs=0.03)


def test_probabilities_and_p_values_come_from_one_model() -> None:
    found = judged(drawn(truth=(0.1, 0.12, 0.14)))
    for row in found.comparisons[1:]:
        assert row.probability_better == row.p_value
        assert row.p_adjusted is not None
        assert row.p_value is not None
        assert row.p_adjusted >= row.p_value
    best, second = found.comparisons[:2]
    assert best.probability_better == pytest.approx(1.0 - (second.p_value or 0.0))


def test_runs_of_older_releases_are_left_out() -> None:
    runs = [replace(run, blocks=None) for run in drawn(truth=(0.1, 0.3))]
    assert judged(runs).comparisons == ()


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = drawn(truth=(0.1, 0.11, 0.12))
    one, other = judged(runs), judged(runs[::-1])
    assert (one.winner, one.outcome, one.tied_with) == (
        other.winner,
        other.outcome,
        other.tied_with,
    )
    for before, after in zip(one.comparisons, other.comparisons, strict=True):
        assert after.mean == pytest.approx(before.mean)
        assert after.p_adjusted == (before.p_adjusted and pytest.approx(before.p_adjusted))


def test_the_same_runs_give_the_same_verdict() -> None:
    runs = drawn(truth=(0.1, 0.11, 0.12))
    assert judged(runs) == judged(runs)


def a_test(role: TestRole, score: float, validation: float, sums: list[float]) -> TestRun:
    blocks = BlockSums(sums=tuple(sums), rows=(1,) * len(sums))
    return TestRun(
        role=role,
        params={},
        scores={"log_loss": score},
        validation_scores={"log_loss": validation},
        repeats=3,
        test_blocks=blocks,
    )


def test_the_test_rows_tell_how_far_validation_flattered_itself() -> None:
    sums = [0.1, 0.3, 0.2, 0.2]
    tests = [a_test(TestRole.WINNER, 0.2, 0.15, sums), a_test(TestRole.LINEAR, 0.4, 0.3, sums)]
    found = judged(drawn(truth=(0.1, 0.2)), tests=tests).test
    assert found is not None
    assert found.optimism == pytest.approx(0.05)
    assert found.winner is not None
    assert found.winner.ci_low is not None
    assert found.winner.ci_high is not None
    assert 0.0 <= found.winner.ci_low < 0.2 < found.winner.ci_high
    assert found.linear is not None
    assert found.reason is None
    unseen = judged(
        drawn(truth=(0.1, 0.2)), tests=[replace(t, repeats=0, scores={}) for t in tests]
    )
    assert unseen.test is not None
    assert "no rows were held out" in (unseen.test.reason or "")


def test_the_best_champion_of_each_activation_stands_beside_the_search() -> None:
    bests = confirmed_bests(drawn(truth=(0.1, 0.2)), LOSS)
    assert set(bests) == {NAMES[0], NAMES[1]}
    assert bests[NAMES[0]].n == 24
    assert bests[NAMES[0]].mean is not None
    assert bests[NAMES[0]].mean < (bests[NAMES[1]].mean or 0.0)


@pytest.mark.parametrize("metric", [m for m in METRICS.values() if m.source == "predictions"])
def test_every_number_is_finite_whatever_was_recorded(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    odd = [0.5, nan, inf, -inf, 1e300, None, 0.0, -1e-300, 0.25]
    table = {
        name: [[odd[int(i)] for i in rng.integers(0, len(odd), 6)] for _ in range(2)]
        for name in ("relu", "tanh", "elu")
    }
    usable = {
        n: [[s if s is None or np.isfinite(s) else None for s in row] for row in rows]
        for n, rows in table.items()
    }
    found = judged(runs_of(usable, metric=metric.name), metric)
    json.dumps(asdict(found), allow_nan=False)


@pytest.mark.parametrize("direction", list(Direction))
def test_an_arm_with_fewer_repeats_is_judged_by_those_it_has(direction: Direction) -> None:
    metric = LOSS if direction is Direction.MINIMIZE else ACCURACY
    truth = (0.1, 0.4) if direction is Direction.MINIMIZE else (0.9, 0.6)
    runs = Model(truth=truth).runs(
        np.random.default_rng(0), metric=metric.name, repeats={NAMES[1]: 2}
    )
    found = judged(runs, metric)
    assert (found.repeats, row_of(found, NAMES[1]).repeats) == (8, 2)
    assert row_of(found, NAMES[1]).worse


def test_no_interval_reaches_where_no_score_can_be() -> None:
    table = {"relu": [[0.99, 1.0, 0.95] * 2] * 2, "tanh": [[1.0, 1.0, 0.9] * 2] * 2}
    for row in judged(runs_of(table, rows=10, blocks=5, spread=0.3), ACCURACY).comparisons:
        assert row.ci_high is not None
        assert row.ci_high <= 1.0


def test_the_region_that_is_asked_for_is_used() -> None:
    found = judged(drawn(truth=(0.1, 0.103)), evaluation=Evaluation(region=0.9))
    assert found.region == pytest.approx(0.09, rel=0.1)
    assert found.outcome is Outcome.EQUIVALENT


def test_twins_are_hardly_ever_told_apart() -> None:
    model = Model(truth=(0.1,) * 4, repeats=2)
    wrong = 0
    for seed in range(100):
        found = judged(model.runs(np.random.default_rng(seed)))
        wrong += any(row.worse for row in found.comparisons)
    # At 4 % eleven of 100 have a chance of 0.2 %.
    assert wrong <= 10


def test_a_gap_is_found_most_of_the_time() -> None:
    model = Model(truth=(0.1, 0.14), luck=0.006, repeats=2)
    found = sum(
        judged(model.runs(np.random.default_rng(seed))).outcome is Outcome.WINNER
        for seed in range(50)
    )
    assert found >= 40
