"""A confirmation that was stopped, recorded or extended trains only the runs that are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from search.analysis.candidates import config_key, select_candidates
from search.data.datasets import Dataset
from search.driver import run_study
from search.driver.confirm_phase import Confirmation
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import plan_study
from search.driver.resplits import Resplits
from search.study import (
    ConfirmationsMade,
    Control,
    Event,
    Progress,
    Role,
    Stop,
    StudyEnded,
    StudyState,
)
from tests.search.driver.confirmed_study import (
    EVALUATION,
    SPEC,
    RecordingExecutor,
    candidates_of,
    confirm,
    outcome,
)
from tests.search.driver.events import runs_of, trials_of


@pytest.mark.parametrize("after", [1, 2])
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


def test_more_repeats_add_to_the_runs_there_are(events: list[Event], iris: Dataset) -> None:
    spec = replace(SPEC, evaluation=replace(EVALUATION, confirm_repeats=3))
    more = run_study(spec, iris, history=trials_of(events), confirmations=runs_of(events))
    added = runs_of(more)
    assert {run.repeat for run in added} == {2}
    whole = runs_of(run_study(spec, iris, history=trials_of(events)))
    assert outcome([*runs_of(events), *added]) == outcome(whole)


def test_more_trials_confirm_newcomers_only(events: list[Event], iris: Dataset) -> None:
    spec = replace(SPEC, budget=replace(SPEC.budget, trials=24))
    before = runs_of(events)
    more = list(run_study(spec, iris, history=trials_of(events), confirmations=before))
    known = {config_key(run.params) for run in before}
    trials = {r.number: r for r in (*trials_of(events), *trials_of(more))}
    assert len(trials) == 24
    plan = plan_study(spec, iris)
    now = select_candidates(tuple(trials.values()), plan.objectives[0].direction, 2)
    assert any(c.key not in known for c in now)
    assert any(c.key in known for c in now)
    have = {(config_key(r.params), r.role, r.repeat, r.fold) for r in (*before, *runs_of(more))}
    for candidate in now:
        for role in candidate.roles:
            assert {(candidate.key, role, r, f) for r in (0, 1) for f in (0, 1)} <= have
    trained_again = {config_key(r.params) for r in runs_of(more)} & known
    # A known configuration comes again only where it has got another role.
    assert all(any(c.key == key and Role.BASELINE in c.roles for c in now) for key in trained_again)


def test_a_configuration_that_becomes_the_baseline_keeps_its_runs(
    events: list[Event], iris: Dataset, tmp_path: Path
) -> None:
    candidate = candidates_of(events)[0]
    made, _ = confirm(SPEC, iris, (candidate,), tmp_path)
    both = replace(candidate, roles=(Role.CANDIDATE, Role.BASELINE))
    plan = plan_study(SPEC, iris)
    confirmation = Confirmation(plan, Resplits(plan), (both,), runs_of(made))
    executor = RecordingExecutor()
    base = Progress(trials_total=1)
    added = runs_of(confirmation.run(base, OrderedJobs(executor, tmp_path)))
    assert executor.trained == []
    assert tuple(replace(run, role=Role.CANDIDATE) for run in added) == runs_of(made)
    assert len(confirmation.runs) == 8


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
    assert len(trials_of(seen)) == 12
    assert all(record.state.is_finished() for record in trials_of(seen))
