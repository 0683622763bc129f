"""A search that is ended early goes on to the confirmation with what it has found."""

from __future__ import annotations

from dataclasses import replace

from optuna.trial import TrialState

from search.data.datasets import Dataset
from search.driver import run_study
from search.study import (
    Budget,
    Control,
    Event,
    Phase,
    StudyEnded,
    StudyState,
    TrialsChanged,
)
from tests.search.driver.confirmed_study import SPEC
from tests.search.driver.events import holdout_of, phases_of, runs_of, trials_of

LONG = replace(SPEC, budget=Budget(trials=600, epochs=9))


def finished_after(complete: int, iris: Dataset, history: tuple[Event, ...] = ()) -> list[Event]:
    """Run the long study and ask for its end once so many trials are complete."""
    seen: list[Event] = []

    def control() -> Control:
        done = sum(t.state is TrialState.COMPLETE for t in trials_of(seen))
        return Control(finish=done >= complete)

    for event in run_study(LONG, iris, control=control, history=trials_of(history)):
        seen.append(event)  # noqa: PERF402 - the control looks at what there is
    return seen


def test_the_search_ends_and_the_confirmation_follows(iris: Dataset) -> None:
    events = finished_after(20, iris)
    trials = trials_of(events)
    assert 20 <= len(trials) < 300
    assert all(trial.state.is_finished() for trial in trials)
    cut = [trial for trial in trials if trial.error and "the search was ended" in trial.error]
    assert cut
    for trial in cut:
        expected = TrialState.PRUNED if trial.intermediate_values else TrialState.FAIL
        assert trial.state is expected
        assert "cancelled" in trial.flags
    assert phases_of(events) == [Phase.SEARCH, Phase.CONFIRM, Phase.TEST]
    assert runs_of(events)
    assert holdout_of(events).winner is not None
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)


def test_an_ended_search_can_be_gone_on_with(iris: Dataset) -> None:
    before = finished_after(20, iris)
    known = len(trials_of(before))
    spec = replace(LONG, budget=replace(LONG.budget, trials=known + 30), extensions=1)
    more = run_study(spec, iris, history=trials_of(before), confirmations=runs_of(before))
    added = {
        trial.number for event in more if isinstance(event, TrialsChanged) for trial in event.trials
    }
    assert added == set(range(known, known + 30))
