"""What a study could have shown, and what would show a difference as observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.analysis.error_model import POWER, Difference
from search.analysis.looks import ALPHA, Review, review
from search.analysis.power import Needs, needs_of
from search.metrics import get_metric
from tests.search.analysis.confirmations import NAMES, Model

LOSS = get_metric("log_loss")
MODEL = Model(truth=(0.1, 0.101, 0.102), luck=0.006, training=0.02, repeats=2)


@pytest.fixture(scope="module")
def found() -> Review:
    return review(MODEL.runs(np.random.default_rng(0)), LOSS, most_repeats=8)


def of_size(found: Review, errors: float) -> Difference:
    """Return a difference of so many of its standard errors."""
    difference = found.comparisons.to_best[found.comparisons.table.arms[1].name]
    return replace(difference, estimate=errors * difference.error)


def needed(found: Review, errors: float) -> Needs:
    return needs_of(of_size(found, errors), found.comparisons.table, found)


def test_what_is_needed_reaches_the_power_and_one_less_does_not(found: Review) -> None:
    table = found.comparisons.table
    alpha = ALPHA / (found.weight * len(found.open))
    errors = next(size for size in np.arange(1.0, 9.0, 0.1) if needed(found, size).repeats)
    difference = of_size(found, errors)
    assert difference.power(alpha) < POWER
    noise = difference.variance * difference.noise

    def power(repeats: int) -> float:
        variance = difference.variance - noise + noise * table.repeats / repeats
        return difference.power(alpha, variance=variance)

    total = table.repeats + (needed(found, errors).repeats or 0)
    assert power(total) >= POWER > power(total - 1)


def test_a_larger_difference_needs_less(found: Review) -> None:
    sizes = np.arange(1.0, 9.0, 0.2)
    for kind in ("repeats", "searches", "rows"):
        numbers = [getattr(needed(found, size), kind) for size in sizes]
        known = [number for number in numbers if number is not None]
        assert len(known) >= 3
        assert known == sorted(known, reverse=True)
        # None of the smallest differences can be shown by any number.
        assert numbers[0] is None


def test_what_no_number_would_show_needs_none(found: Review) -> None:
    for errors in (0.0, -1.0):
        assert needed(found, errors).repeats is None
        assert needed(found, errors).searches is None
        assert needed(found, errors).rows is None


def test_a_difference_that_could_be_detected_is_detected_as_often_as_said() -> None:
    """Draw studies with a true gap as large as one of them could have shown."""
    one = review(MODEL.runs(np.random.default_rng(1)), LOSS, most_repeats=2)
    other = one.comparisons.table.arms[1].name
    size = needs_of(one.comparisons.to_best[other], one.comparisons.table, one).detectable
    gap = Model(**{**vars(MODEL), "truth": (0.1, 0.1 + size, 0.1 + size)})
    hits = sum(
        NAMES[1] in review(gap.runs(np.random.default_rng(s)), LOSS, most_repeats=2).worse
        for s in range(60)
    )
    assert hits >= 39  # of 80 %: less has a chance of 0.4 %
