"""Claims are exclusive, leases run out, and a study that kills its workers is given up."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import pytest
from optuna.trial import TrialState

from search.errors import LeaseLost
from search.study import StudySpec, StudyState
from search.study.results import StudyResults
from storage import Database, Queue, Recorder, Studies, Trials
from storage.queue import MAX_CRASHES
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import LEASE_S, WORKER
from tests.storage.processes import claim_all, claim_one
from tests.storage.records import changed, make_record

GONE = -1.0  # a lease that has run out when it is given


def add(studies: Studies, name: str = "") -> StudyRow:
    return studies.create(
        StudySpec(dataset="digits", name=name), directions=["minimize"], metric_names=["log_loss"]
    )


def test_an_empty_queue_gives_none(queue: Queue) -> None:
    assert queue.claim(WORKER, LEASE_S) is None


def test_the_oldest_queued_study_is_claimed_first(studies: Studies, queue: Queue) -> None:
    ids = [add(studies).id for _ in range(3)]
    claimed = [queue.claim(WORKER, LEASE_S) for _ in range(3)]
    assert [row.id for row in claimed if row] == ids
    assert queue.claim(WORKER, LEASE_S) is None


def test_a_claimed_study_runs(queued: StudyRow, queue: Queue) -> None:
    before = datetime.now(UTC)
    row = queue.claim(WORKER, LEASE_S)
    assert row is not None
    assert row.started_at is not None
    assert before <= row.started_at <= datetime.now(UTC)
    assert row.state is StudyState.RUNNING
    assert row.phase == "search"
    assert row.version > queued.version


def test_eight_processes_never_claim_the_same_study(url: str, studies: Studies) -> None:
    ids = [add(studies).id for _ in range(60)]
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(8)
        with ProcessPoolExecutor(8, mp_context=context) as pool:
            futures = [pool.submit(claim_all, url, f"worker-{i}", barrier) for i in range(8)]
            claimed = [future.result() for future in futures]
    counts = Counter(study_id for of_one in claimed for study_id in of_one)
    assert counts == Counter(ids)
    assert sum(1 for of_one in claimed if of_one) > 1


def test_a_study_whose_lease_ran_out_is_claimed_by_another(queued: StudyRow, queue: Queue) -> None:
    first = queue.claim("worker-a", GONE)
    second = queue.claim("worker-b", LEASE_S)
    assert first is not None
    assert second is not None
    assert second.id == first.id
    assert second.started_at == first.started_at
    with pytest.raises(LeaseLost, match="worker-a"):
        queue.renew(queued.id, "worker-a", LEASE_S)
    with pytest.raises(LeaseLost):
        queue.finish(queued.id, "worker-a", StudyState.COMPLETED)


def test_a_renewed_lease_holds(queued: StudyRow, queue: Queue) -> None:
    queue.claim("worker-a", GONE)
    queue.renew(queued.id, "worker-a", LEASE_S)
    assert queue.claim("worker-b", LEASE_S) is None


def test_a_worker_that_lost_its_lease_cannot_record(
    database: Database, queued: StudyRow, queue: Queue
) -> None:
    queue.claim("worker-a", GONE)
    old = Recorder(database, queued.id, "worker-a")
    queue.claim("worker-b", LEASE_S)
    with pytest.raises(LeaseLost):
        old.record([changed(make_record(0))])
    with pytest.raises(LeaseLost):
        old.put_results(StudyResults())
    assert Recorder(database, queued.id, "worker-b").history() == ()


@pytest.mark.parametrize(
    ("wish", "state", "trial"),
    [("pause", StudyState.PAUSED, "RUNNING"), ("cancel", StudyState.CANCELLED, "FAIL")],
)
def test_a_study_released_while_it_is_about_to_stop_has_stopped(
    wish: str,
    state: StudyState,
    trial: str,
    running: StudyRow,
    queue: Queue,
    studies: Studies,
    recorder: Recorder,
    database: Database,
) -> None:
    recorder.record([changed(make_record(0, TrialState.RUNNING, values=None))])
    getattr(studies, wish)(running.id)
    queue.release(running.id, WORKER)
    row = studies.get(running.id)
    assert (row.state, row.stop) == (state, None)
    assert Trials(database).get(running.id, 0).state.name == trial
    assert queue.claim("worker-b", LEASE_S) is None


def test_only_the_holder_releases_a_study(
    running: StudyRow, queue: Queue, studies: Studies
) -> None:
    studies.cancel(running.id)
    for study_id in (running.id, "st_deleted"):
        with pytest.raises(LeaseLost):
            queue.release(study_id, "worker-b")
    assert studies.get(running.id).state is StudyState.RUNNING


def test_a_released_study_is_claimed_again_at_once(running: StudyRow, queue: Queue) -> None:
    queue.release(running.id, WORKER)
    row = queue.claim("worker-b", LEASE_S)
    assert row is not None
    assert row.id == running.id


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "paused"])
def test_finish_ends_the_run(state: str, running: StudyRow, queue: Queue, studies: Studies) -> None:
    queue.finish(running.id, WORKER, StudyState(state), error="the disk is full")
    row = studies.get(running.id)
    assert row.state == state
    assert row.error == "the disk is full"
    assert (row.finished_at is None) == (state == "paused")
    assert queue.claim(WORKER, LEASE_S) is None


def test_an_error_may_quote_what_no_database_stores(
    running: StudyRow, queue: Queue, studies: Studies
) -> None:
    queue.finish(running.id, WORKER, StudyState.FAILED, error="bad byte \0 or \ud800 in é")
    assert studies.get(running.id).error == "bad byte \ufffd or ? in é"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_cannot_end_unfinished(state: str, running: StudyRow, queue: Queue) -> None:
    with pytest.raises(ValueError, match=state):
        queue.finish(running.id, WORKER, StudyState(state))


def test_a_finished_study_has_no_open_trials(
    running: StudyRow, queue: Queue, recorder: Recorder, database: Database
) -> None:
    recorder.record(
        [
            changed(
                make_record(0),
                make_record(1, TrialState.RUNNING),
                make_record(2, TrialState.WAITING),
            )
        ]
    )
    queue.finish(running.id, WORKER, StudyState.FAILED, error="the disk is full")
    assert [record.state for record in recorder.history()] == [
        TrialState.COMPLETE,
        TrialState.FAIL,
        TrialState.FAIL,
    ]
    assert recorder.history()[1].error == "not finished: the disk is full"
    storage = database.optuna_storage()
    for trial in storage.get_all_trials(running.optuna_id):
        trial._validate()
        assert trial.state.is_finished()
    storage.engine.dispose()


def test_a_study_that_kills_its_workers_is_given_up(
    queued: StudyRow, queue: Queue, studies: Studies
) -> None:
    for _ in range(MAX_CRASHES):
        assert queue.claim(WORKER, GONE) is not None
    assert queue.claim(WORKER, LEASE_S) is None
    row = studies.get(queued.id)
    assert row.state is StudyState.FAILED
    assert row.error is not None
    assert f"{MAX_CRASHES} times in a row" in row.error
    assert row.finished_at is not None


def test_a_study_that_progresses_between_crashes_goes_on(
    database: Database, queued: StudyRow, queue: Queue
) -> None:
    for number in range(2 * MAX_CRASHES):
        assert queue.claim(WORKER, GONE) is not None
        Recorder(database, queued.id, WORKER).record([changed(make_record(number))])
    assert queue.claim(WORKER, LEASE_S) is not None


def test_pausing_and_resuming_is_no_crash(queued: StudyRow, queue: Queue, studies: Studies) -> None:
    for _ in range(2 * MAX_CRASHES):
        assert queue.claim(WORKER, LEASE_S) is not None
        queue.finish(queued.id, WORKER, StudyState.PAUSED)
        studies.resume(queued.id)
    assert queue.claim(WORKER, LEASE_S) is not None


def test_a_given_up_study_does_not_block_the_next(studies: Studies, queue: Queue) -> None:
    bad, good = add(studies, "bad"), add(studies, "good")
    for _ in range(MAX_CRASHES):
        row = queue.claim(WORKER, GONE)
        assert row is not None
        assert row.id == bad.id
    row = queue.claim(WORKER, LEASE_S)
    assert row is not None
    assert row.id == good.id


def test_workers_are_live_as_long_as_they_beat(queue: Queue) -> None:
    queue.beat("worker-a")
    queue.beat("worker-b")
    queue.beat("worker-a")
    assert queue.live_workers(60) == ("worker-a", "worker-b")
    assert queue.live_workers(-1) == ()


def add_for(studies: Studies, client: str | None) -> str:
    spec = StudySpec(dataset="digits", name=client or "")
    return studies.create(
        spec, directions=["minimize"], metric_names=["log_loss"], client=client
    ).id


def test_clients_take_turns(studies: Studies, queue: Queue) -> None:
    clients = ["ann"] * 4 + ["bob"] * 2 + [None, "ann", None]
    order = [(add_for(studies, client), client) for client in clients]
    claimed = [queue.claim(WORKER, LEASE_S) for _ in clients]
    names = [row.spec.name for row in claimed if row]
    assert names == ["ann", "bob", "", "ann", "bob", "", "ann", "ann", "ann"]
    # Each gets its own studies in the order in which it created them.
    for client in ("ann", "bob", None):
        own = [row.id for row in claimed if row and row.spec.name == (client or "")]
        assert own == [study for study, of in order if of == client]


def test_one_study_may_be_claimed_before_its_turn(studies: Studies, queue: Queue) -> None:
    add(studies, "first")
    wanted = add(studies, "wanted")
    claimed = queue.claim(WORKER, LEASE_S, only=wanted.id)
    assert claimed is not None
    assert claimed.id == wanted.id
    assert queue.claim(WORKER, LEASE_S, only=wanted.id) is None


def test_the_places_are_the_order_in_which_studies_are_claimed(
    studies: Studies, queue: Queue
) -> None:
    for client in ["ann"] * 3 + ["bob"] * 2:
        add_for(studies, client)
    queue.claim(WORKER, LEASE_S)  # of Ann's, so that the next is Bob's
    for client in ["eve", None, "ann", "eve"]:
        add_for(studies, client)
    places = queue.places()
    assert sorted(places.values()) == list(range(1, 9))
    claimed = [queue.claim(WORKER, LEASE_S) for _ in places]
    assert [places[row.id] for row in claimed if row] == list(range(1, 9))
    assert queue.places() == {}


def test_who_comes_later_need_not_wait_for_all_of_who_came_first(
    studies: Studies, queue: Queue
) -> None:
    for _ in range(20):
        add_for(studies, "ann")
    for _ in range(4):
        queue.claim(WORKER, LEASE_S)
    wanted = add_for(studies, "bob")
    row = queue.claim(WORKER, LEASE_S)
    assert row is not None
    assert row.id == wanted


def test_a_study_whose_worker_was_lost_comes_first_and_costs_no_turn(
    studies: Studies, queue: Queue
) -> None:
    first = add_for(studies, "ann")
    assert queue.claim("worker-a", GONE) is not None
    for client in ("bob", "ann"):
        add_for(studies, client)
    names = []
    for _ in range(3):
        row = queue.claim(WORKER, LEASE_S)
        assert row is not None
        names.append((row.id == first, row.spec.name))
    assert names == [(True, "ann"), (False, "bob"), (False, "ann")]


def test_claims_at_the_same_moment_take_turns_too(url: str, studies: Studies) -> None:
    clients = ["ann", "bob", "eve"]
    for client in clients:
        for _ in range(12):
            add_for(studies, client)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(6)
        with ProcessPoolExecutor(6, mp_context=context) as pool:
            futures = [pool.submit(claim_one, url, f"worker-{i}", barrier) for i in range(6)]
            claimed = [studies.get(future.result()).spec.name for future in futures]
    assert Counter(claimed) == Counter(clients * 2)
