"""Everything a driver yields survives the way into the database and back."""

from __future__ import annotations

import math
import multiprocessing
import signal
import string
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from search.errors import InvalidInput, LeaseLost
from search.study import (
    Finding,
    FoldCurve,
    LayerSnapshot,
    Noted,
    ParamValue,
    Phase,
    PhaseStarted,
    Progress,
    ProgressMade,
    StudyEnded,
    StudyState,
    TrialRecord,
    TrialSource,
)
from search.study.results import StudyResults
from storage import Database, Queue, Recorder, Results, Studies, open_database
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import LEASE_S, WORKER
from tests.storage.processes import BATCH, record_forever
from tests.storage.records import KINDS, changed, make_record


def test_history_returns_what_was_recorded(
    database: Database, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(*KINDS)])
    # NaN is not equal to itself, so compare what is shown of them.
    assert [repr(record) for record in recorder.history()] == [repr(kind) for kind in KINDS]
    assert recorder.history()[0] == KINDS[0]
    assert Recorder(database, running.id, WORKER).history()[9].curves[0].epochs == (1, 3)


def test_history_keeps_the_kinds_of_choices_apart(recorder: Recorder) -> None:
    kinds: list[tuple[ParamValue, ...]] = [(True, False), (1, 0), (1.0, 0.0), ("1", "0")]
    records = [
        make_record(
            number,
            params={"activation": "relu", "x": choices[0]},
            distributions={"x": CategoricalDistribution(choices)},
        )
        for number, choices in enumerate(kinds)
    ]
    recorder.record([changed(*records)])
    assert [repr(record) for record in recorder.history()] == [repr(record) for record in records]


def test_the_last_record_of_a_trial_in_a_batch_counts(recorder: Recorder) -> None:
    recorder.record([changed(make_record(0, TrialState.RUNNING)), changed(make_record(0))])
    assert recorder.history() == (make_record(0),)


def test_trials_may_be_recorded_out_of_order(
    url: str, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(make_record(2), make_record(0))])
    recorder.record([changed(make_record(1))])
    assert [record.number for record in recorder.history()] == [0, 1, 2]
    study = optuna.load_study(study_name=running.optuna_name, storage=url)
    assert [trial.number for trial in study.trials] == [0, 1, 2]


@pytest.mark.parametrize("reopen", [False, True])
def test_a_trial_is_recorded_again_with_or_without_memory(
    reopen: bool, database: Database, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(make_record(0, TrialState.RUNNING), make_record(1))])
    if reopen:
        recorder = Recorder(database, running.id, WORKER)
    again = (
        make_record(0, intermediate_values={1: 0.8, 5: 0.1}),
        make_record(1, metrics={"accuracy": 1.0}),
    )
    recorder.record([changed(*again)])
    assert recorder.history() == again
    storage = database.optuna_storage()
    trials = storage.get_all_trials(running.optuna_id)
    storage.engine.dispose()
    assert trials[0].intermediate_values == {1: 0.8, 5: 0.1}
    assert "log_loss" not in trials[1].user_attrs


def test_progress_phase_and_end_reach_the_study(
    studies: Studies, recorder: Recorder, running: StudyRow
) -> None:
    progress = Progress(
        trials_total=20,
        trials_finished=9,
        trials_pruned=4,
        trials_failed=1,
        trials_running=2,
        trials_per_second=3.5,
        seconds_left=2.0,
        best_value=0.25,
    )
    recorder.record([PhaseStarted(phase=Phase.CONFIRM), ProgressMade(progress=progress)])
    row = studies.get(running.id)
    assert (row.phase, row.progress, row.state) == (Phase.CONFIRM, progress, StudyState.RUNNING)
    recorder.record([StudyEnded(state=StudyState.COMPLETED)])
    row = studies.get(running.id)
    assert row.state is StudyState.COMPLETED
    assert row.finished_at is not None
    assert row.progress.seconds_left is None


def test_the_end_may_say_why_nothing_completed(
    studies: Studies, recorder: Recorder, running: StudyRow
) -> None:
    recorder.record([StudyEnded(state=StudyState.FAILED, error="none of 3 trials completed")])
    row = studies.get(running.id)
    assert (row.state, row.error) == (StudyState.FAILED, "none of 3 trials completed")


def test_the_end_gives_the_lease_back(
    queue: Queue, studies: Studies, recorder: Recorder, running: StudyRow
) -> None:
    recorder.record([StudyEnded(state=StudyState.PAUSED)])
    queue.finish(running.id, WORKER, StudyState.PAUSED)  # nothing is left to do
    with pytest.raises(LeaseLost):
        recorder.record([changed(make_record(0))])
    studies.resume(running.id)
    with pytest.raises(LeaseLost):
        queue.finish(running.id, WORKER, StudyState.PAUSED)
    assert studies.get(running.id).state is StudyState.QUEUED


def test_results_may_follow_the_end_until_the_study_is_taken_up(
    database: Database, queue: Queue, studies: Studies, recorder: Recorder, running: StudyRow
) -> None:
    recorder.record([StudyEnded(state=StudyState.PAUSED)])
    recorder.put_results(StudyResults(importances={"depth": 1.0}))
    assert Results(database).get(running.id).results.importances == {"depth": 1.0}
    studies.resume(running.id)
    with pytest.raises(LeaseLost):
        recorder.put_results(StudyResults())


def test_results_and_trials_are_written_together(
    database: Database, recorder: Recorder, running: StudyRow
) -> None:
    recorder.record([changed(make_record(0))], results=StudyResults(importances={"depth": 1.0}))
    assert Results(database).get(running.id).results.importances == {"depth": 1.0}


def test_every_record_is_a_new_version(
    database: Database, recorder: Recorder, running: StudyRow
) -> None:
    results = Results(database)
    versions = [results.version(running.id)]
    for events in ([changed(make_record(0))], [PhaseStarted(phase=Phase.TEST)], []):
        recorder.record(events)
        versions.append(results.version(running.id))
    assert versions == sorted(set(versions))


def test_a_failed_write_leaves_nothing_behind(recorder: Recorder) -> None:
    bad = make_record(1, distributions={"depth": CategoricalDistribution((1, 2))})
    with pytest.raises(ValueError, match="not in"):
        recorder.record([changed(make_record(0), bad)])
    no_text = StudyResults(importances={"\udc00": 1.0})  # half a character: UTF-8 cannot hold it
    with pytest.raises(ValueError, match="surrogates not allowed"):
        recorder.record([changed(make_record(0))], results=no_text)
    assert recorder.history() == ()
    recorder.record([changed(make_record(0))])
    assert recorder.history() == (make_record(0),)


@pytest.mark.parametrize("values", [None, (), (math.nan,)])
def test_a_complete_trial_needs_its_values(values: Any, recorder: Recorder) -> None:
    with pytest.raises(InvalidInput, match="trial 4 is complete with values"):
        recorder.record([changed(make_record(4, values=values))])


def test_a_request_is_open_until_a_trial_took_it(
    studies: Studies, recorder: Recorder, running: StudyRow
) -> None:
    request = studies.add_request(running.id, {"activation": "gelu", "gradient_clip": None})
    other = studies.add_request(running.id, {"activation": "mish"})
    assert studies.control(running.id).requests == (request, other)
    record = make_record(0, TrialState.RUNNING, source=TrialSource.REQUESTED, request_id=request.id)
    recorder.record([changed(record)])
    assert studies.control(running.id).requests == (other,)
    assert recorder.requests() == (request,)


def test_a_note_stays_until_the_study_is_extended(
    studies: Studies, queue: Queue, recorder: Recorder, running: StudyRow
) -> None:
    assert running.note is None
    recorder.record([Noted(note="One."), Noted(note="Another.")])
    assert studies.get(running.id).note == "Another."
    queue.finish(running.id, WORKER, StudyState.COMPLETED)
    assert studies.extend(running.id, lambda row: row.spec).note is None


def test_kill_in_the_middle_of_recording_loses_nothing_committed(
    url: str, database: Database, running: StudyRow
) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=record_forever, args=(url, running.id, WORKER, started))
    process.start()
    assert started.wait(60)
    seen = Results(database).version(running.id)
    count = len(Recorder(database, running.id, WORKER).history())
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    database.close()

    again = open_database(url)
    recorder = Recorder(again, running.id, WORKER)
    history = recorder.history()
    assert Results(again).version(running.id) >= seen
    assert len(history) >= count >= BATCH
    assert len(history) % BATCH == 0  # whole transactions only
    unfinished = [record for record in history if record.state is TrialState.RUNNING]
    assert len(unfinished) in (0, BATCH)
    study = optuna.load_study(study_name=running.optuna_name, storage=url)
    assert [trial.state for trial in study.trials] == [record.state for record in history]
    # The next worker goes on where it stopped.
    recorder.record([changed(*(make_record(record.number) for record in unfinished))])
    assert all(record.state is TrialState.COMPLETE for record in recorder.history())
    again.close()


def shown(values: Mapping[int, float]) -> str:
    """Return the values as text, where NaN equals NaN; SQLite's floats know no negative zero."""
    return repr({step: values[step] + 0.0 for step in sorted(values)})


FLOATS = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.text(string.ascii_lowercase + "_é", min_size=1, max_size=12)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda time: time.replace(fold=0)
)


@st.composite
def axes(draw: Callable[..., Any]) -> tuple[Any, Any]:
    """Draw a distribution and a value in it."""
    kind = draw(st.sampled_from(["float", "log", "step", "int", "categorical"]))
    if kind == "categorical":
        choice = st.none() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False)
        choices = draw(st.lists(choice, min_size=1, max_size=4, unique_by=repr))
        return CategoricalDistribution(choices), choices[0]
    if kind == "int":
        low = draw(st.integers(-1000, 1000))
        high = low + draw(st.integers(0, 50))
        return IntDistribution(low, high), draw(st.integers(low, high))
    if kind == "step":
        return FloatDistribution(0.0, 1.0, step=0.25), draw(st.sampled_from([0.0, 0.25, 1.0]))
    low = draw(st.floats(1e-12, 1e3))
    high = draw(st.floats(low, 1e6))
    return FloatDistribution(low, high, log=kind == "log"), draw(st.floats(low, high))


@st.composite
def records(draw: Callable[..., Any]) -> TrialRecord:
    """Draw a trial record of any kind."""
    searched = draw(st.dictionaries(NAMES, axes(), max_size=4))
    state = draw(st.sampled_from(list(TrialState)))
    numbers = st.floats(allow_nan=False) if state is TrialState.COMPLETE else FLOATS
    values = draw(st.lists(numbers, min_size=1, max_size=2).map(tuple))
    length = draw(st.integers(0, 3))
    column = st.lists(FLOATS, min_size=length, max_size=length).map(tuple)
    return TrialRecord(
        number=draw(st.integers(0, 10)),
        state=state,
        source=draw(st.sampled_from(list(TrialSource))),
        params={"activation": "relu", **{name: value for name, (_, value) in searched.items()}},
        distributions={name: distribution for name, (distribution, _) in searched.items()},
        values=values if state is TrialState.COMPLETE else draw(st.none() | st.just(values)),
        intermediate_values=draw(st.dictionaries(st.integers(0, 2**31 - 1), FLOATS, max_size=5)),
        metrics=draw(st.dictionaries(NAMES, FLOATS, max_size=3)),
        curves=draw(
            st.lists(
                st.builds(
                    FoldCurve,
                    fold=st.integers(0, 9),
                    epochs=st.just(tuple(range(length))),
                    train_loss=column,
                    validation_loss=column,
                    validation_score=column,
                ),
                max_size=2,
            ).map(tuple)
        ),
        layers=draw(
            st.lists(
                st.builds(
                    LayerSnapshot,
                    epoch=st.integers(0, 10**6),
                    statistics=st.dictionaries(NAMES, column, max_size=2),
                ),
                max_size=2,
            ).map(tuple)
        ),
        findings=draw(
            st.lists(
                st.builds(
                    Finding,
                    name=NAMES,
                    layer=st.none() | st.integers(1, 50),
                    numbers=st.dictionaries(NAMES, FLOATS, max_size=2),
                    sentence=NAMES,
                    remedy=NAMES,
                ),
                max_size=2,
            ).map(tuple)
        ),
        flags=draw(st.lists(NAMES, max_size=2).map(tuple)),
        error=draw(st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"))),
        parameters=draw(st.integers(0, 2**31 - 1)),
        started_at=draw(st.none() | TIMES),
        finished_at=draw(st.none() | TIMES),
        fit_seconds=draw(st.floats(0, 1e9)),
        rungs=draw(st.integers(0, 9)),
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(records(), min_size=1, max_size=4))
def test_any_record_comes_back_as_it_was_and_stays_readable_for_optuna(
    batch: list[TrialRecord], database: Database, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(*batch)])
    latest = {record.number: record for record in batch}
    history = {record.number: record for record in recorder.history()}
    for number, record in latest.items():
        assert repr(history[number]) == repr(record)
    storage = database.optuna_storage()
    trials = {trial.number: trial for trial in storage.get_all_trials(running.optuna_id)}
    storage.engine.dispose()
    assert set(trials) == set(history)
    for number, record in latest.items():
        trial = trials[number]
        assert trial.state == record.state
        assert trial.distributions == record.distributions
        searched = {name: record.params[name] for name in record.distributions}
        assert trial.params == searched
        assert shown(trial.intermediate_values) == shown(record.intermediate_values)


def test_recording_in_another_study_is_apart(
    database: Database, studies: Studies, queue: Queue, recorder: Recorder, running: StudyRow
) -> None:
    recorder.record([changed(make_record(0))])
    other = studies.create(
        replace(running.spec, name="other"), directions=["minimize"], metric_names=["log_loss"]
    )
    assert queue.claim("worker-2", LEASE_S) is not None
    second = Recorder(database, other.id, "worker-2")
    second.record([changed(make_record(0, values=(9.0,)))])
    assert recorder.history() == (make_record(0),)
    assert second.history() == (make_record(0, values=(9.0,)),)
