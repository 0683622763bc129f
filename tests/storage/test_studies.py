"""A study's life as the person steers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from optuna.trial import TrialState

from search.errors import Conflict, InvalidInput, NotFound
from search.study import Budget, Choices, Phase, PhaseStarted, Range, Stop, StudySpec, StudyState
from storage import Database, Queue, Recorder, Studies
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import LEASE_S, WORKER
from tests.storage.records import changed, make_record


def create(studies: Studies, spec: StudySpec, key: str | None = None) -> StudyRow:
    return studies.create(
        spec, directions=["minimize"], metric_names=["log_loss"], idempotency_key=key
    )


def test_a_new_study_is_queued_with_all_that_was_asked_for(studies: Studies) -> None:
    spec = StudySpec(
        dataset="digits",
        name="which one?",
        space={"activation": Choices(values=("relu", "gelu"))},
        budget=Budget(trials=17),
    )
    row = create(studies, spec)
    assert studies.get(row.id) == row
    assert row.state is StudyState.QUEUED
    assert row.phase is None
    assert row.spec == spec
    assert row.progress.trials_total == 17
    assert row.id in row.optuna_name
    assert row.optuna_name.startswith("which one?")
    assert (row.started_at, row.finished_at, row.error, row.stop) == (None, None, None, None)
    assert row.created_at.tzinfo is not None


def test_a_study_without_a_name_is_called_after_its_dataset(studies: Studies) -> None:
    row = create(studies, StudySpec(dataset="iris"))
    assert row.name == "iris, which activation?"
    assert row.spec.name == ""


def test_a_long_name_still_fits_into_optunas_column(studies: Studies) -> None:
    row = create(studies, StudySpec(dataset="iris", name="n" * 2000))
    assert len(row.optuna_name) == 512
    assert row.optuna_name.endswith(f"({row.id})")
    assert row.name == "n" * 2000


def test_two_studies_may_have_the_same_name(studies: Studies) -> None:
    spec = StudySpec(dataset="iris", name="again")
    first, second = create(studies, spec), create(studies, spec)
    assert first.id != second.id
    assert first.optuna_name != second.optuna_name


def test_the_same_key_and_spec_give_the_first_study_again(studies: Studies) -> None:
    spec = StudySpec(dataset="iris")
    first = create(studies, spec, "key-1")
    assert create(studies, spec, "key-1") == first
    assert create(studies, spec, "key-2").id != first.id
    assert len(studies.list().items) == 2


def test_the_order_of_axes_does_not_make_another_request(studies: Studies) -> None:
    relu, depth = Choices(values=("relu",)), Range(low=1, high=8)
    one = StudySpec(dataset="d", space={"activation": relu, "depth": depth})
    two = StudySpec(dataset="d", space={"depth": depth, "activation": relu})
    assert create(studies, one, "key-1") == create(studies, two, "key-1")


def test_the_same_key_with_another_spec_is_a_conflict(studies: Studies) -> None:
    first = create(studies, StudySpec(dataset="iris"), "key-1")
    with pytest.raises(Conflict, match=f"'key-1' was used for study '{first.id}'"):
        create(studies, StudySpec(dataset="wine"), "key-1")


def test_a_key_is_free_again_when_its_study_is_deleted(studies: Studies) -> None:
    first = create(studies, StudySpec(dataset="iris"), "key-1")
    studies.delete(first.id)
    assert create(studies, StudySpec(dataset="wine"), "key-1").dataset == "wine"


def test_studies_are_listed_newest_first_in_pages(studies: Studies) -> None:
    ids = [create(studies, StudySpec(dataset="iris")).id for _ in range(5)]
    seen: list[str] = []
    cursor = None
    for size in (2, 2, 1):
        page = studies.list(limit=2, cursor=cursor)
        assert len(page.items) == size
        seen += [row.id for row in page.items]
        create(studies, StudySpec(dataset="wine"))  # newcomers do not shift the pages
        cursor = page.next_cursor
    assert cursor is None
    assert seen == ids[::-1]


def test_studies_are_listed_by_state(studies: Studies, running: StudyRow) -> None:
    other = create(studies, StudySpec(dataset="iris"))
    assert [row.id for row in studies.list(StudyState.RUNNING).items] == [running.id]
    assert [row.id for row in studies.list(StudyState.QUEUED).items] == [other.id]
    assert studies.list(StudyState.FAILED).items == ()


@pytest.mark.parametrize("cursor", ["x", "", "!!!", "é", "WzFd" * 50, "WyJhIl0", "bnVsbA"])
def test_a_foreign_cursor_is_refused(cursor: str, studies: Studies) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        studies.list(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(limit: int, studies: Studies) -> None:
    with pytest.raises(InvalidInput, match=str(limit)):
        studies.list(limit=limit)


def test_a_queued_study_is_paused_and_cancelled_at_once(
    studies: Studies, queue: Queue, queued: StudyRow
) -> None:
    assert studies.pause(queued.id).state is StudyState.PAUSED
    assert queue.claim(WORKER, LEASE_S) is None
    assert studies.resume(queued.id).state is StudyState.QUEUED
    row = studies.cancel(queued.id)
    assert row.state is StudyState.CANCELLED
    assert row.finished_at is not None


@pytest.mark.parametrize("stop", [Stop.PAUSE, Stop.CANCEL])
def test_a_running_study_gets_the_wish(stop: Stop, studies: Studies, running: StudyRow) -> None:
    assert studies.control(running.id).stop is None
    wish = {Stop.PAUSE: studies.pause, Stop.CANCEL: studies.cancel}[stop]
    row = wish(running.id)
    assert row.state is StudyState.RUNNING
    assert row.stop is stop
    assert row.version > running.version
    assert studies.control(running.id).stop is stop
    assert wish(running.id) == row  # asking twice changes nothing


def test_a_wish_ends_with_the_run(studies: Studies, queue: Queue, running: StudyRow) -> None:
    studies.pause(running.id)
    queue.finish(running.id, WORKER, StudyState.PAUSED)
    assert studies.get(running.id).stop is None


def test_cancelling_overrides_pausing_and_not_the_other_way(
    studies: Studies, running: StudyRow
) -> None:
    studies.pause(running.id)
    assert studies.cancel(running.id).stop is Stop.CANCEL
    with pytest.raises(Conflict, match="being cancelled"):
        studies.pause(running.id)
    with pytest.raises(Conflict, match="running, about to cancel"):
        studies.resume(running.id)


def test_a_wish_to_pause_can_be_taken_back(studies: Studies, running: StudyRow) -> None:
    studies.pause(running.id)
    row = studies.resume(running.id)
    assert row.state is StudyState.RUNNING
    assert row.stop is None


def test_a_running_study_whose_worker_is_gone_is_cancelled_at_once(
    studies: Studies, queue: Queue, queued: StudyRow, database: Database
) -> None:
    queue.claim(WORKER, -1.0)
    recorder = Recorder(database, queued.id, WORKER)
    recorder.record([changed(make_record(0), make_record(1, TrialState.RUNNING))])
    row = studies.cancel(queued.id)
    assert row.state is StudyState.CANCELLED
    assert (row.progress.trials_failed, row.progress.trials_finished) == (1, 1)
    assert [record.state for record in recorder.history()] == [TrialState.COMPLETE, TrialState.FAIL]


def test_pausing_keeps_interrupted_trials(
    studies: Studies, queue: Queue, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(make_record(0, TrialState.WAITING))])
    queue.finish(running.id, WORKER, StudyState.PAUSED)
    assert [record.state for record in recorder.history()] == [TrialState.WAITING]


FINISHED = [StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED]


@pytest.mark.parametrize("state", FINISHED)
@pytest.mark.parametrize("name", ["pause", "resume", "cancel"])
def test_a_finished_study_cannot_be_steered(
    name: str, state: StudyState, studies: Studies, queue: Queue, running: StudyRow
) -> None:
    queue.finish(running.id, WORKER, state)
    steer: Callable[[str], StudyRow] = getattr(studies, name)
    with pytest.raises(Conflict, match=f"'{running.id}' is {state}"):
        steer(running.id)
    with pytest.raises(Conflict, match="takes no more trials"):
        studies.add_request(running.id, {"activation": "relu"})


def bigger(row: StudyRow) -> StudySpec:
    return replace(row.spec, budget=replace(row.spec.budget, trials=321))


@pytest.mark.parametrize("state", [StudyState.COMPLETED, StudyState.CANCELLED])
def test_a_finished_study_is_extended_and_queued_again(
    state: StudyState, studies: Studies, queue: Queue, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([PhaseStarted(phase=Phase.TEST), changed(make_record(0))])
    queue.finish(running.id, WORKER, state)
    row = studies.extend(running.id, bigger)
    assert (row.state, row.phase, row.finished_at) == (StudyState.QUEUED, None, None)
    assert row.progress.trials_total == 321
    assert row.spec == replace(bigger(running), history=1)
    assert studies.get(running.id) == row
    claimed = queue.claim(WORKER, LEASE_S)
    assert claimed is not None
    assert (claimed.phase, claimed.spec.budget.trials) == (Phase.SEARCH, 321)
    assert recorder.history() == (make_record(0),)


@pytest.mark.parametrize("state", [StudyState.FAILED, StudyState.PAUSED, StudyState.RUNNING])
def test_only_a_completed_or_cancelled_study_is_extended(
    state: StudyState, studies: Studies, queue: Queue, running: StudyRow
) -> None:
    if state is not StudyState.RUNNING:
        queue.finish(running.id, WORKER, state)
    with pytest.raises(Conflict, match=f"is {state}; only a completed or cancelled study"):
        studies.extend(running.id, bigger)
    assert studies.get(running.id).spec == running.spec


def test_an_extension_that_is_refused_changes_nothing(
    studies: Studies, queue: Queue, running: StudyRow
) -> None:
    queue.finish(running.id, WORKER, StudyState.COMPLETED)
    before = studies.get(running.id)

    def refuse(row: StudyRow) -> StudySpec:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput, match="no"):
        studies.extend(running.id, refuse)
    assert studies.get(running.id) == before


@pytest.mark.parametrize("phase", [Phase.CONFIRM, Phase.TEST])
def test_no_trial_is_requested_once_the_search_is_over(
    phase: Phase, studies: Studies, running: StudyRow, recorder: Recorder
) -> None:
    studies.add_request(running.id, {"activation": "relu"})
    recorder.record([PhaseStarted(phase=phase)])
    with pytest.raises(Conflict, match=f"is over .phase {phase}. and takes no more trials"):
        studies.add_request(running.id, {"activation": "relu"})


@pytest.mark.parametrize(("first", "second"), [("pause", "pause"), ("cancel", "cancel")])
def test_stopping_twice_is_a_conflict(
    first: str, second: str, studies: Studies, queued: StudyRow
) -> None:
    getattr(studies, first)(queued.id)
    with pytest.raises(Conflict, match="nothing is left"):
        getattr(studies, second)(queued.id)


def test_a_queued_study_cannot_be_resumed(studies: Studies, queued: StudyRow) -> None:
    with pytest.raises(Conflict, match="is queued; only a paused study"):
        studies.resume(queued.id)


def test_a_running_study_cannot_be_deleted(studies: Studies, running: StudyRow) -> None:
    with pytest.raises(Conflict, match="is running"):
        studies.delete(running.id)


def test_requests_are_taken_in_every_open_state(
    studies: Studies, queue: Queue, queued: StudyRow
) -> None:
    one = studies.add_request(queued.id, {"activation": "relu", "depth": 2})
    queue.claim(WORKER, LEASE_S)
    two = studies.add_request(queued.id, {"activation": "tanh", "learning_rate": 1e-3})
    queue.finish(queued.id, WORKER, StudyState.PAUSED)
    three = studies.add_request(queued.id, {"gradient_clip": None})
    assert studies.control(queued.id).requests == (one, two, three)
    assert one.id != two.id


def test_the_phase_survives_a_new_claim(
    studies: Studies, queue: Queue, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([PhaseStarted(phase=Phase.CONFIRM)])
    queue.release(running.id, WORKER)
    row = queue.claim(WORKER, LEASE_S)
    assert row is not None
    assert row.phase is Phase.CONFIRM


@pytest.mark.parametrize(
    "name", ["get", "pause", "resume", "cancel", "delete", "control", "add_request", "extend"]
)
def test_an_unknown_study_is_not_found(name: str, studies: Studies) -> None:
    arguments: tuple[Any, ...] = {"add_request": ({},), "extend": (bigger,)}.get(name, ())
    with pytest.raises(NotFound, match="st_none"):
        getattr(studies, name)("st_none", *arguments)
