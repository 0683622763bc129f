"""What a sampler is shown of a long history."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from search.metrics import Direction
from search.samplers.history_subset import HistorySubset


def finished(*values: float) -> FrozenTrial:
    return optuna.create_trial(
        values=list(values), params={"x": 0.5}, distributions={"x": FloatDistribution(0.0, 1.0)}
    )


def pruned(value: float) -> FrozenTrial:
    return optuna.create_trial(state=TrialState.PRUNED, intermediate_values={1: value})


def memory(size: int, *directions: Direction) -> HistorySubset:
    return HistorySubset(size, directions or (Direction.MINIMIZE,))


def test_a_short_history_is_recalled_whole_and_in_order() -> None:
    trials = [finished(float(value)) for value in (3, 1, 2)]
    known = memory(3)
    for trial in trials:
        known.add(trial)
    assert known.select() == trials


def test_a_history_of_pruned_trials_alone_is_recalled_evenly() -> None:
    known = memory(3)
    trials = [pruned(float(value)) for value in range(5)]
    for trial in trials:
        known.add(trial)
    assert known.select() == [trials[0], trials[2], trials[4]]


@pytest.mark.parametrize("way", list(Direction))
def test_the_best_are_never_forgotten_however_long_ago(way: Direction) -> None:
    sign = 1.0 if way is Direction.MINIMIZE else -1.0
    known = memory(40, way)
    best = [finished(sign * -float(i + 1)) for i in range(10)]
    for trial in best:
        known.add(trial)
    for i in range(500):
        known.add(finished(sign * float(i % 7)))
        if i % 50 == 0:
            recalled = known.select()
            assert len(recalled) <= 40
            assert all(any(trial is kept for kept in recalled) for trial in best)


def test_the_others_are_spread_over_the_whole_history() -> None:
    known = memory(40)
    for i in range(1000):
        known.add(finished(float(i)) if i % 2 else pruned(float(i)))
    recalled = known.select()
    assert len(recalled) == 40
    seen = [t.values[0] if t.values else t.intermediate_values[1] for t in recalled]
    assert seen == sorted(seen)
    halves = sum(value >= 500 for value in seen)
    assert 12 <= halves <= 18
    assert any(trial.state is TrialState.PRUNED for trial in recalled)


def test_with_two_objectives_what_nothing_beats_in_both_is_the_best() -> None:
    known = memory(20, Direction.MINIMIZE, Direction.MAXIMIZE)
    front = [finished(float(i), float(i)) for i in range(5)]
    for trial in front:
        known.add(trial)
    for i in range(200):
        known.add(finished(5.0 + i, -1.0))
    recalled = known.select()
    assert all(any(trial is kept for kept in recalled) for trial in front)
    assert len(recalled) == 20
