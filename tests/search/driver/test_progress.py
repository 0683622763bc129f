"""Progress counts trials as they change and keeps part of a time limit for the confirmation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from optuna.trial import TrialState

from search.data.datasets import Dataset
from search.driver import progress as module
from search.driver.plan import plan_study
from search.driver.progress import ProgressTracker
from search.study import Budget, Evaluation, StudySpec, TrialRecord, TrialSource

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


def trial(number: int, state: TrialState, value: float | None = None) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=state,
        source=TrialSource.SAMPLER,
        params={"activation": "relu"},
        distributions={},
        values=None if value is None else (value,),
    )


def tracker(
    iris: Dataset,
    *history: TrialRecord,
    seconds: float | None = 90.0,
    confirm_top: int = 3,
    objectives: tuple[str, ...] = (),
) -> ProgressTracker:
    spec = StudySpec(
        dataset="iris",
        budget=Budget(trials=10, epochs=3, seconds=seconds),
        evaluation=Evaluation(confirm_top=confirm_top),
        objectives=objectives,
    )
    return ProgressTracker(plan_study(spec, iris), history)


@pytest.mark.parametrize(("confirm_top", "search_seconds"), [(3, 45.0), (0, 90.0)])
def test_the_search_ends_where_the_share_of_the_confirmation_begins(
    confirm_top: int, search_seconds: float, iris: Dataset, clock: Clock
) -> None:
    study = tracker(iris, confirm_top=confirm_top)
    clock.now += search_seconds - 0.01
    assert not study.out_of_time
    clock.now += 0.02
    assert study.out_of_time
    assert study.seconds_left == pytest.approx(90.0 - search_seconds, abs=0.02)
    clock.now += 1000.0
    assert study.seconds_left == 0.0


def test_seconds_of_earlier_runs_count(iris: Dataset, clock: Clock) -> None:
    record = trial(0, TrialState.COMPLETE, 0.5)
    record = replace(record, started_at=BEGAN, finished_at=BEGAN + timedelta(seconds=59))
    study = tracker(iris, record)
    assert study.seconds_left == 31.0
    clock.now += 2.0
    assert study.out_of_time


def test_without_a_limit_there_is_always_time(iris: Dataset, clock: Clock) -> None:
    study = tracker(iris, seconds=None)
    clock.now += 1e9
    assert not study.out_of_time
    assert study.seconds_left is None


def test_a_trial_is_counted_in_its_last_state_only(iris: Dataset, clock: Clock) -> None:
    study = tracker(iris, trial(0, TrialState.PRUNED))
    study.count([trial(1, TrialState.RUNNING), trial(2, TrialState.RUNNING)])
    assert study.progress(10).trials_per_second is None
    clock.now += 4.0
    study.count([trial(1, TrialState.FAIL), trial(2, TrialState.COMPLETE, 0.5)])
    made = study.progress(10)
    assert (made.trials_finished, made.trials_pruned, made.trials_failed) == (3, 1, 1)
    assert (made.trials_running, made.trials_total) == (0, 10)
    # Two of three have finished in this run.
    assert made.trials_per_second == pytest.approx(0.5)
    assert made.seconds_left == pytest.approx(14.0)


@pytest.mark.parametrize(("objectives", "best"), [(("log_loss",), 0.2), (("accuracy",), 0.7)])
def test_the_best_value_is_that_of_the_objectives_direction(
    objectives: tuple[str, ...], best: float, iris: Dataset
) -> None:
    study = tracker(iris, trial(0, TrialState.COMPLETE, 0.4), objectives=objectives)
    study.count([trial(1, TrialState.COMPLETE, 0.2), trial(2, TrialState.COMPLETE, 0.7)])
    study.count([trial(3, TrialState.PRUNED)])
    assert study.best_value == best
