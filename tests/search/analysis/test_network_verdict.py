"""The recommended network against fixed others: paired over rows, on both kinds of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from search.analysis.confirmation_table import tabulate
from search.analysis.network_verdict import network_differences, training_noise
from search.analysis.verdict import verdict
from search.metrics import get_metric
from search.study import BlockSums, ConfirmationRun, Role, TestRole, TestRun
from search.study.results import NetworkVerdict, Verdict
from tests.search.analysis.confirmations import NAMES, Model, a_run

LOSS = get_metric("log_loss")


def a_test(role: TestRole, sums: Any, validation: Any = None) -> TestRun:
    rows = (1,) * len(sums)
    blocks = BlockSums(sums=tuple(map(float, sums)), rows=rows)
    other = blocks if validation is None else BlockSums(sums=tuple(validation), rows=rows)
    return TestRun(
        role=role,
        params={},
        scores={"log_loss": float(np.mean(sums))},
        validation_scores={},
        repeats=8,
        test_blocks=blocks,
        validation_blocks=other,
    )


def judged(runs: list[ConfirmationRun], tests: list[TestRun] | None = None) -> Verdict:
    return verdict(runs, tests or [], LOSS, arms=NAMES[:2])


def network_of(found: Verdict) -> NetworkVerdict:
    assert found.network is not None
    return found.network


def with_worse_baseline(gap: float, seed: int = 0) -> list[ConfirmationRun]:
    """Two arms of which nothing is told, and a baseline whose every row has more loss."""
    runs = Model(truth=(0.1, 0.1), luck=0.02, repeats=4).runs(np.random.default_rng(seed))
    first = [run for run in runs if run.arm == NAMES[0] and run.search == 0]
    rng = np.random.default_rng(100 + seed)
    extra = rng.normal(gap, gap / 2, len(first[0].blocks.rows) if first[0].blocks else 0)
    baseline = [
        a_run(
            sums=np.asarray(run.blocks.sums) + extra * run.blocks.rows,
            rows=run.blocks.rows,
            arm="relu",
            role=Role.BASELINE,
            search=None,
            trial=None,
            repeat=run.repeat,
            fold=run.fold,
        )
        for run in first
        if run.blocks is not None
    ]
    return [*runs, *baseline]


def test_the_network_can_be_better_where_no_arm_is_told_from_another() -> None:
    found = judged(with_worse_baseline(0.1))
    assert not any(row.worse for row in found.comparisons)
    network = network_of(found)
    assert network.ci_high is not None
    assert network.ci_high < 0.0  # a loss
    assert network.p_value is not None
    assert network.p_value < 0.001
    assert network.probability_better == pytest.approx(1.0 - network.p_value)
    assert "is better than the baseline" in network.sentence


def test_a_network_like_the_baseline_is_not_shown_to_be_better() -> None:
    network = network_of(judged(with_worse_baseline(0.0005, seed=1)))
    assert network.ci_low is not None
    assert network.ci_high is not None
    assert network.ci_low < 0.0 < network.ci_high
    assert "is not shown to be better, for data like this, than" in network.sentence


def test_each_reference_is_compared_on_both_kinds_of_rows() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(0.1, 0.02, 100)
    worse = list(ours + 0.05 + 0.01 * rng.normal(size=100))
    tests = [
        a_test(TestRole.WINNER, list(ours)),
        a_test(TestRole.LINEAR, worse, [1.0] * 100),
        a_test(TestRole.TRIVIAL, list(ours - 0.05), [3.0] * 100),
    ]
    network = network_of(judged(with_worse_baseline(0.1), tests))
    found = {(d.reference, d.rows): d for d in network.differences}
    assert set(found) == {
        ("baseline", "validation"),
        ("linear", "validation"),
        ("trivial", "validation"),
        ("linear", "test"),
        ("trivial", "test"),
    }
    linear = found["linear", "test"]
    assert linear.difference == pytest.approx(-0.05, abs=0.01)
    assert linear.ci_low < linear.difference < linear.ci_high < 0.0
    assert found["trivial", "test"].ci_low > 0.0
    assert "better than a linear model on the test rows by" in network.sentence
    assert "worse than a predictor that knows no features on the test rows by" in network.sentence


def test_rows_are_compared_in_pairs() -> None:
    """Rows differ a hundred times as much as the two predictors on each of them."""
    rng = np.random.default_rng(0)
    ours = rng.normal(0.0, 5.0, 100)
    theirs = list(ours + 0.3 + 0.05 * rng.normal(size=100))
    tests = [a_test(TestRole.WINNER, list(ours)), a_test(TestRole.LINEAR, theirs)]
    network = network_of(judged(with_worse_baseline(0.1), tests))
    (linear,) = (d for d in network.differences if (d.reference, d.rows) == ("linear", "test"))
    assert linear.ci_high - linear.ci_low < 0.2
    assert linear.ci_low < -0.3 < linear.ci_high


def test_the_noise_of_trainings_is_found() -> None:
    model = Model(truth=(0.1,) * 5, training=0.02, splits=0.0, row_training=0.0)
    noise = training_noise(tabulate(model.runs(np.random.default_rng(0)), LOSS))
    assert np.sqrt(noise[""].variance) == pytest.approx(0.02, rel=0.2)


def test_intervals_of_fixed_networks_hold_the_truth_as_often_as_they_say() -> None:
    """The truth is the difference of the two networks' own qualities, luck included."""
    hits, studies = 0, 200
    model = Model(truth=(0.1, 0.1), luck=0.0, splits=0.0, repeats=4, row_training=0.0)
    for seed in range(studies):
        table = tabulate(model.runs(np.random.default_rng(seed), baseline=True), LOSS)
        network = table.arms[0].networks[1]
        (against,) = network_differences(table, network, [])
        low, high = against.difference.interval()
        hits += low <= 0.0 <= high
    assert binomtest(hits, studies).proportion_ci(0.99, method="wilson").high >= 0.95


def test_a_single_block_of_rows_tells_nothing_and_breaks_nothing() -> None:
    runs = [
        a_run(sums=[0.5], rows=[9], arm=arm, search=search, trial=search, repeat=r, fold=f)
        for arm in NAMES[:2]
        for search in (0, 1)
        for r in (0, 1)
        for f in (0, 1)
    ]
    found = judged(runs)
    assert all(row.ci_low is None and not row.worse for row in found.comparisons)
    assert network_of(found).differences == ()


def test_what_the_rows_of_the_confirmation_show_is_said_where_fewer_test_rows_do_not() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(0.1, 0.3, 100)
    near = list(ours + rng.normal(0.0, 0.3, 100))
    winner = a_test(TestRole.WINNER, list(ours))
    shown = judged(with_worse_baseline(0.1), [winner, a_test(TestRole.LINEAR, near, [5.0] * 100)])
    assert "on the rows of the confirmation by" in network_of(shown).sentence
    assert "which the fewer test rows do not show" in network_of(shown).sentence
    assert "linear" not in shown.sentence
    alike = replace(a_test(TestRole.LINEAR, near), validation_blocks=None)
    unknown = judged(with_worse_baseline(0.1), [winner, alike])
    assert "not shown to be better than a linear model, which is simpler: its gain is" in (
        unknown.sentence
    )
