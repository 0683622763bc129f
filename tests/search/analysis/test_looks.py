"""Looks at a confirmation: what they keep, when they stop, and what many looks cost."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from search.analysis.looks import ALPHA, look, look_cost, look_repeats, review, verdict_alpha
from search.metrics import get_metric
from search.study.results import Stopped
from tests.search.analysis.confirmations import NAMES, Model

LOG_LOSS = get_metric("log_loss")


def decide(runs, *, most=8, region=None, arms=NAMES[:2]):
    return look(runs, LOG_LOSS, arms=arms, region=region, most_repeats=most)


def test_looks_come_every_two_repeats_and_at_the_last() -> None:
    assert look_repeats(8) == (2, 4, 6, 8)
    assert look_repeats(5) == (2, 4, 5)
    assert look_repeats(1) == (1,)


def test_all_verdicts_together_err_no_more_than_alpha() -> None:
    alphas = [verdict_alpha(number) for number in range(50)]
    assert alphas[0] == 0.04
    assert all(later < earlier for earlier, later in pairwise(alphas))
    assert sum(alphas) <= ALPHA + 1e-12


def crossing(critical: float, times: np.ndarray, points: int = 801) -> float:
    """Return P(a Brownian motion over its SD exceeds `critical` at any of the `times`)."""
    density, before, weights = None, None, None
    for place, time in enumerate(times):
        grid = np.linspace(-8.0 * np.sqrt(times[-1]), critical * np.sqrt(time), points)
        width = np.full(points, grid[1] - grid[0])
        width[[0, -1]] /= 2.0
        if density is None:
            density = norm.pdf(grid, 0.0, np.sqrt(time))
        else:
            step = np.sqrt(time - times[place - 1])
            kernel = norm.pdf((grid[:, None] - before) / step) / step
            density = kernel @ (density * weights)
        before, weights = grid, width
    return 1.0 - float((density * weights).sum())


@pytest.mark.parametrize("looks", [1, 2, 3, 4, 8])
def test_the_cost_of_looks_is_that_of_their_joint_distribution(looks: int) -> None:
    # Half of the variance of two repeats goes with more of them.
    variances = 0.5 + 0.5 / np.arange(1, looks + 1)
    times = variances[-1] / variances
    level = 0.004 / look_cost(looks)
    assert crossing(float(norm.isf(level)), times) == pytest.approx(0.004, rel=0.02)


def test_a_clear_difference_is_decided_by_the_first_look() -> None:
    runs = Model(truth=(0.1, 0.2), repeats=2).runs(np.random.default_rng(0))
    decision = decide(runs)
    assert decision.stopped is Stopped.DECIDED
    assert decision.keep == frozenset()
    assert review(runs, LOG_LOSS).worse == {NAMES[1]}


def test_the_last_look_stops_though_no_arm_has_had_every_repeat() -> None:
    model = Model(truth=(0.1, 0.1, 0.1), training=0.05, repeats=8)
    runs = [
        run
        for run in model.runs(np.random.default_rng(0))
        if (run.arm, run.repeat) not in {(name, n) for name in NAMES[:3] for n in (2, 3)}
    ]
    assert decide(runs, arms=NAMES[:3]).stopped is Stopped.REPEATS


def test_an_arm_that_is_out_gets_no_more_repeats_and_stays_out() -> None:
    model = Model(truth=(0.1, 0.102, 0.5), luck=0.002, training=0.06, repeats=2)
    arms = NAMES[:3]
    decision = decide(model.runs(np.random.default_rng(0)), arms=arms)
    assert decision.stopped is None
    assert decision.keep == set(arms[:2])
    longer = Model(**{**vars(model), "repeats": 8})
    runs = longer.runs(np.random.default_rng(0), repeats={arms[2]: 2})
    found = review(runs, LOG_LOSS, most_repeats=8)
    assert arms[2] in found.worse
    assert int(found.comparisons.table.arm(arms[2]).done.sum()) == 2
    assert decide(runs, arms=arms).stopped in {Stopped.REPEATS, Stopped.DECIDED}


def test_where_searches_and_rows_are_the_error_more_repeats_are_not_trained() -> None:
    quiet = Model(truth=(0.1, 0.104), luck=0.02, training=0.0, splits=0.0, repeats=2)
    assert decide(quiet.runs(np.random.default_rng(2))).stopped is Stopped.EXTEND
    noisy = Model(truth=(0.1, 0.104), luck=0.0, training=0.03, repeats=2)
    assert decide(noisy.runs(np.random.default_rng(2))).stopped is None
    whole = Model(truth=(0.1, 0.104), luck=0.0, training=0.03, repeats=8)
    assert decide(whole.runs(np.random.default_rng(2))).stopped is Stopped.REPEATS


def test_arms_within_a_wide_region_are_decided_too() -> None:
    runs = Model(truth=(0.1, 0.1), luck=0.001, training=0.001, row_arm=0.0, repeats=2).runs(
        np.random.default_rng(3)
    )
    assert decide(runs, region=0.9).stopped is Stopped.DECIDED
    assert review(runs, LOG_LOSS, region=0.9).equivalent


def test_before_any_run_every_arm_is_kept() -> None:
    assert decide([]).keep == set(NAMES[:2])


def test_a_look_does_not_depend_on_the_order_of_the_runs() -> None:
    runs = Model(truth=(0.1, 0.11, 0.15)).runs(np.random.default_rng(4))
    one = review(runs, LOG_LOSS, most_repeats=8)
    other = review(runs[::-1], LOG_LOSS, most_repeats=8)
    assert one.adjusted == pytest.approx(other.adjusted)


def test_a_later_verdict_keeps_what_the_first_has_shown() -> None:
    # Close to the level of the first verdict, far from that of the second.
    for seed in range(6):
        runs = Model(truth=(0.1, 0.125)).runs(np.random.default_rng(seed))
        first = review(runs, LOG_LOSS, most_repeats=8)
        later = Model(truth=(0.1, 0.1)).runs(np.random.default_rng(999))
        added = [replace(run, repeat=run.repeat + 8, verdict=1) for run in later]
        assert first.worse <= review([*runs, *added], LOG_LOSS, most_repeats=16).worse
