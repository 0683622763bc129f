"""The error of a difference: its parts add up, and its intervals hold what they promise."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.stats import binomtest

from search.analysis.against_best import compare, holm
from search.analysis.confirmation_table import tabulate
from search.analysis.error_model import ASSUMED_LUCK, Part, error_model, rows_part
from search.metrics import get_metric
from tests.search.analysis.confirmations import NAMES, Model, runs_of

LOSS = get_metric("log_loss")


def test_the_rows_part_of_a_mean_is_the_usual_standard_error() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=400)
    part = rows_part((values, np.ones(400)))
    assert part.variance == pytest.approx(values.var(ddof=1) / 400)
    assert part.df == 399


def test_the_rows_part_of_a_difference_is_paired() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=400)
    ours, theirs = common + 0.1 * rng.normal(size=400), common + 0.1 * rng.normal(size=400)
    paired = rows_part((ours, np.ones(400)), (theirs, np.ones(400)))
    assert paired.variance == pytest.approx((ours - theirs).var(ddof=1) / 400)
    assert paired.variance < 0.1 * rows_part((ours, np.ones(400))).variance


def test_one_block_tells_nothing() -> None:
    assert rows_part((np.array([3.0]), np.array([5.0]))) == Part(variance=inf, df=1.0)


def test_copies_in_one_block_count_once() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=100)
    copied = rows_part((3.0 * values, np.full(100, 3.0)))
    assert copied.variance == pytest.approx(rows_part((values, np.ones(100))).variance)


def test_the_luck_of_the_search_is_found_and_pooled() -> None:
    model = Model(truth=(0.1,) * 10, luck=0.02, training=0.001, splits=0.0, row_network=0.0)
    table = tabulate(model.runs(np.random.default_rng(1)), LOSS)
    luck = error_model(table, LOSS).luck
    found = np.sqrt([one.search.variance for one in luck.values()])
    assert np.median(found) == pytest.approx(0.02, rel=0.25)
    # Three degrees of freedom of its own would spread it far wider.
    assert found.max() < 2.5 * found.min()
    assert {one.search.df for one in luck.values()} <= {3.0, 7.0}


def test_an_arm_that_is_unlike_the_others_keeps_its_own_luck() -> None:
    model = Model(truth=(0.1,) * 5, luck=(0.001, 0.001, 0.001, 0.001, 0.2))
    luck = error_model(tabulate(model.runs(np.random.default_rng(0)), LOSS), LOSS).luck
    wild = luck[NAMES[4]].search
    assert wild.df == 3.0
    assert wild.variance > 50.0 * luck[NAMES[0]].search.variance


def test_with_one_search_the_luck_is_assumed() -> None:
    model = Model(truth=(0.1, 0.2), searches=1)
    table = tabulate(model.runs(np.random.default_rng(0)), LOSS)
    found = error_model(table, LOSS)
    assert found.is_assumed
    expected = ASSUMED_LUCK * abs(table.arms[0].mean)
    assert found.luck[NAMES[0]].search.variance == pytest.approx(expected**2)


def coverage(model: Model, studies: int = 150) -> tuple[int, int]:
    """Return how often the interval of the first minus the second holds the true difference."""
    hits = 0
    for seed in range(studies):
        table = tabulate(model.runs(np.random.default_rng(seed)), LOSS)
        first, second = (table.arm(name) for name in NAMES[:2])
        low, high = error_model(table, LOSS).difference(first, second).interval()
        # Turned: less loss is more.
        hits += low <= model.truth[1] - model.truth[0] <= high
    return hits, studies


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(Model(truth=(0.1, 0.12, 0.1, 0.13), repeats=2), id="as usual"),
        pytest.param(Model(truth=(0.1, 0.1), luck=0.03, repeats=2), id="much luck"),
        pytest.param(Model(truth=(0.1, 0.1, 0.1), luck=0.0, training=0.03), id="noisy training"),
        pytest.param(Model(truth=(0.1, 0.1, 0.1), splits=0.02, repeats=4), id="unlucky splits"),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(model: Model) -> None:
    hits, studies = coverage(model)
    interval = binomtest(hits, studies).proportion_ci(0.99, method="wilson")
    assert interval.high >= 0.95


def test_what_more_repeats_would_take_away_is_known() -> None:
    noisy = Model(truth=(0.1, 0.1, 0.1), luck=0.0, training=0.05, row_arm=0.0, repeats=2)
    steady = Model(truth=(0.1, 0.1, 0.1), luck=0.05, training=0.0, splits=0.0, repeats=2)
    shares = []
    for model in (noisy, steady):
        table = tabulate(model.runs(np.random.default_rng(0)), LOSS)
        difference = error_model(table, LOSS).difference(table.arms[0], table.arms[1])
        shares.append(difference.noise)
    assert shares[0] > 0.5 > 0.1 > shares[1]


def test_the_best_is_worth_a_test_for_each_arm_that_it_could_have_been() -> None:
    table = tabulate(Model(truth=(0.1, 0.1, 0.3)).runs(np.random.default_rng(0)), LOSS)
    found = compare(table, LOSS)
    assert set(found.to_best) == {arm.name for arm in table.arms[1:]}
    raw = [found.to_best[arm.name].p_one_sided for arm in table.arms[1:]]
    assert [found.adjusted[arm.name] for arm in table.arms[1:]] == pytest.approx(holm(raw))


def test_p_values_count_step_down() -> None:
    assert holm([0.01, 0.04, 0.02]) == pytest.approx([0.03, 0.04, 0.04])
    assert holm([0.6, 0.5]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_scores_of_any_size_give_the_same_errors() -> None:
    scores = {"relu": [[0.5, 0.6, 0.55] * 2] * 2, "tanh": [[0.8, 0.7, 0.9] * 2] * 2}
    found = []
    for factor in (1.0, 2.0**400, 2.0**-400):
        scaled = {
            name: [[factor * s for s in row] for row in rows] for name, rows in scores.items()
        }
        metric = get_metric("mse")
        table = tabulate(runs_of(scaled, metric="mse"), metric)
        found.append(compare(table, metric).to_best["tanh"].p_one_sided)
    assert found == pytest.approx([found[0]] * 3, rel=1e-6)
