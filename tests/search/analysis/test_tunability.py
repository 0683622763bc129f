"""What tuning takes: expected best against every subset, learning rates by half decades."""

from itertools import combinations
from math import inf, nan

import numpy as np
import pytest
from optuna.trial import TrialState

from search.analysis.tunability import expected_best, learning_rate_spread, reached_values
from search.study import TrialRecord, TrialSource

VALUES = [0.31, 0.12, 0.55, 0.12, 0.9, 0.27, 0.4]


def trial(
    value: float | None = None,
    *,
    state: TrialState = TrialState.COMPLETE,
    rate: float = 0.01,
    **facts,
) -> TrialRecord:
    return TrialRecord(
        number=0,
        state=state,
        source=TrialSource.SAMPLER,
        params={"activation": "relu", "learning_rate": rate},
        distributions={},
        values=None if value is None else (value,),
        **facts,
    )


@pytest.mark.parametrize("count", range(1, 8))
@pytest.mark.parametrize(("sign", "best"), [(1.0, min), (-1.0, max)])
def test_expected_best_is_the_mean_over_all_subsets(count: int, sign: float, best) -> None:
    expected = np.mean([best(subset) for subset in combinations(VALUES, count)])
    assert expected_best(VALUES, count, sign) == pytest.approx(expected)


def test_more_trials_than_were_made_promise_nothing() -> None:
    assert expected_best(VALUES, 8, 1.0) is None
    assert expected_best([], 1, 1.0) is None
    assert expected_best(VALUES, 0, 1.0) is None


def test_thousands_of_trials_do_not_overflow() -> None:
    values = list(np.linspace(0.0, 1.0, 5000))
    assert expected_best(values, 20, 1.0) == pytest.approx(1 / 21, rel=0.01)


def test_pruned_trials_count_as_they_stood_and_failed_ones_as_the_worst() -> None:
    trials = [
        trial(0.2),
        trial(state=TrialState.PRUNED, intermediate_values={3: 0.9, 9: 0.5}),
        trial(state=TrialState.FAIL),
        trial(nan),
        trial(state=TrialState.RUNNING),
    ]
    assert sorted(reached_values(trials, 1.0)) == [0.2, 0.5, 0.5, 0.5]
    assert sorted(reached_values(trials, -1.0)) == [0.2, 0.2, 0.2, 0.5]


def test_trials_that_came_to_nothing_leave_nothing() -> None:
    assert reached_values([trial(state=TrialState.FAIL), trial(inf)], 1.0) == []


def test_spread_is_what_a_typical_learning_rate_costs() -> None:
    # half decades from 1e-3: bests 0.1, 0.2 (of 0.2 and 0.7), 0.5; costs 0, 0.1, 0.4
    trials = [
        trial(0.5, rate=0.002),
        trial(0.2, rate=0.004),
        trial(0.7, rate=0.009),
        trial(0.1, rate=0.02),
    ]
    assert learning_rate_spread(trials, 1.0) == pytest.approx(0.1)
    turned = [trial(-t.values[0], rate=t.params["learning_rate"]) for t in trials]
    assert learning_rate_spread(turned, -1.0) == pytest.approx(0.1)


def test_one_learning_rate_has_no_spread() -> None:
    assert learning_rate_spread([trial(0.1), trial(0.5)], 1.0) is None
    assert learning_rate_spread([], 1.0) is None


def test_rates_and_values_that_are_no_numbers_are_left_out() -> None:
    odd = [trial(0.3, rate=inf), trial(0.3, rate=nan), trial(0.3, rate=0.0), trial(nan, rate=1e-4)]
    assert learning_rate_spread([*odd, trial(0.1)], 1.0) is None
