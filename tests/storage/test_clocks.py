"""Times that cannot be: a lease or a heartbeat written by a clock that is an hour off."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from search.study import StudyState
from storage import Database, Queue, Recorder, Statistics, Studies
from storage.rows.study_rows import StudyRow
from storage.sql import clock
from storage.sql.tables import STUDIES, WORKERS
from tests.storage.records import changed, make_record

LEASE_S = 2.0
HOUR = timedelta(hours=1)
AHEAD_AND_BEHIND = pytest.mark.parametrize("off", [HOUR, -HOUR], ids=["ahead", "behind"])


def shift(database: Database, off: timedelta) -> None:
    """Make every lease and heartbeat one that a clock off by `off` has written just now."""
    with database.writing() as connection:
        now = clock.now(connection)
        lease = now + off + timedelta(seconds=LEASE_S)
        connection.execute(
            update(STUDIES).where(STUDIES.c.lease_until.is_not(None)).values(lease_until=lease)
        )
        connection.execute(update(WORKERS).values(beat_at=now + off))


@AHEAD_AND_BEHIND
def test_a_lost_worker_with_another_clock_blocks_its_study_for_one_lease(
    off: timedelta, queued: StudyRow, queue: Queue, database: Database
) -> None:
    assert queue.claim("worker-a", LEASE_S)
    shift(database, off)
    began = time.monotonic()
    assert queue.claim("worker-b", LEASE_S) is None
    while (row := queue.claim("worker-b", LEASE_S)) is None:
        assert time.monotonic() - began < 3 * LEASE_S
        time.sleep(0.05)
    assert time.monotonic() - began >= LEASE_S
    assert row.id == queued.id


@AHEAD_AND_BEHIND
def test_a_living_worker_with_another_clock_keeps_its_study(
    off: timedelta, queued: StudyRow, queue: Queue, database: Database
) -> None:
    assert queue.claim("worker-a", LEASE_S)
    recorder = Recorder(database, queued.id, "worker-a")
    for number in range(10):
        # As that worker renews it: the same clock, a moment later.
        shift(database, off)
        for _ in range(3):
            assert queue.claim("worker-b", LEASE_S) is None
            time.sleep(LEASE_S / 10)
        recorder.record([changed(make_record(number))])


@pytest.mark.parametrize("wish", ["pause", "cancel"])
def test_a_study_that_no_believable_lease_holds_stops_at_once(
    wish: str, queued: StudyRow, queue: Queue, database: Database
) -> None:
    studies = Studies(database, lease_seconds=LEASE_S)
    assert queue.claim("worker-a", LEASE_S)
    getattr(studies, wish)(queued.id)
    assert studies.get(queued.id).state is StudyState.RUNNING
    shift(database, HOUR)
    with database.writing() as connection:
        connection.execute(update(STUDIES).values(stop=None))
    assert getattr(studies, wish)(queued.id).state is not StudyState.RUNNING
    if wish == "cancel":
        studies.delete(queued.id)


@AHEAD_AND_BEHIND
def test_a_heartbeat_of_another_clock_is_no_sign_of_life(
    off: timedelta, queue: Queue, database: Database
) -> None:
    queue.beat("worker-a")
    assert queue.live_workers(LEASE_S) == ("worker-a",)
    assert Statistics(database).read(LEASE_S).workers == 1
    shift(database, off)
    assert queue.live_workers(LEASE_S) == ()
    assert Statistics(database).read(LEASE_S).workers == 0
    queue.beat("worker-a")
    assert queue.live_workers(LEASE_S) == ("worker-a",)
