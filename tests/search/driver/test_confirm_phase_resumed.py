"""A confirmation that was stopped, recorded or extended trains only the runs that are missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.analysis.candidates import config_key, current_runs
from search.data.datasets import Dataset
from search.driver import run_study
from search.study import (
    ConfirmationsMade,
    Control,
    Event,
    Stage,
    Stop,
    StudyEnded,
    StudyState,
)
from tests.search.driver.confirmed_study import (
    EVALUATION,
    SPEC,
    TRIALS,
    RecordingExecutor,
    champions_of,
    outcome,
    stage_of,
)
from tests.search.driver.events import runs_of, trials_of


@pytest.mark.parametrize("after", [1, 3])
def test_a_confirmation_interrupted_goes_on_with_what_is_missing(
    after: int, events: list[Event], iris: Dataset
) -> None:
    seen: list[Event] = []
    for event in run_study(SPEC, iris):
        seen.append(event)
        if sum(isinstance(e, ConfirmationsMade) for e in seen) == after:
            break
    before = runs_of(seen)
    rest = list(run_study(SPEC, iris, history=trials_of(seen), confirmations=before))
    assert outcome([*before, *runs_of(rest)]) == outcome(runs_of(events))
    assert runs_of(rest)
    assert rest[-2:] == events[-2:]


def test_a_confirmation_on_record_is_not_trained_again(events: list[Event], iris: Dataset) -> None:
    executor = RecordingExecutor()
    again = run_study(
        SPEC, iris, history=trials_of(events), confirmations=runs_of(events), executor=executor
    )
    assert runs_of(again) == ()
    # Winner and baseline, refitted for the test with two seeds each.
    assert len(executor.trained) == 4


def test_runs_of_older_releases_are_made_anew(events: list[Event], iris: Dataset) -> None:
    old = [
        replace(run, blocks=None) if run.stage is Stage.CONFIRM else run for run in runs_of(events)
    ]
    again = runs_of(run_study(SPEC, iris, history=trials_of(events), confirmations=old))
    made = [run for run in runs_of(events) if run.stage is Stage.CONFIRM and run.blocks is not None]
    assert made
    assert outcome(again) == outcome(made)


def test_more_repeats_add_to_the_runs_there_are(events: list[Event], iris: Dataset) -> None:
    spec = replace(
        SPEC,
        evaluation=replace(EVALUATION, confirm_repeats=4),
        extensions=1,
        least_repeats=4,
    )
    more = run_study(spec, iris, history=trials_of(events), confirmations=runs_of(events))
    added = runs_of(more)
    assert {(run.stage, run.repeat, run.verdict) for run in added} == {
        (Stage.CONFIRM, 2, 1),
        (Stage.CONFIRM, 3, 1),
    }
    whole = runs_of(run_study(spec, iris, history=trials_of(events)))
    told = [replace(run, verdict=0) for run in (*runs_of(events), *added)]
    assert outcome(told) == outcome(replace(run, verdict=0) for run in whole)


def test_more_searches_confirm_newcomers_only(events: list[Event], iris: Dataset) -> None:
    spec = replace(
        SPEC,
        budget=replace(SPEC.budget, trials=90),
        evaluation=replace(EVALUATION, searches=3),
        extensions=1,
    )
    before = runs_of(events)
    more = list(run_study(spec, iris, history=trials_of(events), confirmations=before))
    trials = {r.number: r for r in (*trials_of(events), *trials_of(more))}
    assert len(trials) == 90
    assert {t.search for n, t in trials.items() if n >= TRIALS} == {2}
    both = [*events, *more]
    now = champions_of(both, spec)
    assert {(c.arm, c.search) for c in now if c.search == 2} == {
        (arm, 2) for arm in ("relu", "tanh", "prelu")
    }
    known = {(config_key(r.params), r.repeat, r.fold) for r in before}
    for run in runs_of(more):
        if run.role.value == "candidate":
            assert run.search == 2 or (config_key(run.params), run.repeat, run.fold) not in known
    counting = current_runs(runs_of(both), now)
    assert len(counting) == 4 * len(now)


@pytest.mark.parametrize(
    ("stop", "state"), [(Stop.PAUSE, StudyState.PAUSED), (Stop.CANCEL, StudyState.CANCELLED)]
)
def test_pausing_and_cancelling_work_in_the_confirmation(
    stop: Stop, state: StudyState, events: list[Event], iris: Dataset
) -> None:
    seen: list[Event] = []

    def control() -> Control:
        return Control(stop=stop if runs_of(seen) else None)

    events_so_far = run_study(SPEC, iris, control=control)
    # One by one, because the control looks at what there is.
    while not isinstance(event := next(events_so_far), StudyEnded):
        seen.append(event)
    seen.append(event)
    assert seen[-1] == StudyEnded(state=state)
    assert 0 < len(runs_of(seen)) < len(runs_of(events))
    assert len(trials_of(seen)) == TRIALS
    assert all(record.state.is_finished() for record in trials_of(seen))
    assert not stage_of(seen, Stage.CONFIRM)
