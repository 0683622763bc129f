"""A change of a study is told at once where PostgreSQL tells it, and never said to be elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest

from search.study import StudySpec
from storage import Database, Queue, Studies, Wakeups, open_database, wakeups
from storage.rows.study_rows import StudyRow
from storage.wakeups import QUEUE, VERSIONS
from tests.postgresql import Cluster, cluster, find_program
from tests.service.processes import until
from tests.storage.conftest import sqlite_only

Told = SimpleQueue[tuple[str, str]]


def create(database: Database) -> StudyRow:
    return Studies(database).create(
        StudySpec(dataset="digits"), directions=["minimize"], metric_names=["log_loss"]
    )


def both(study: StudyRow) -> set[tuple[str, str]]:
    return {(VERSIONS, study.id), (QUEUE, study.id)}


@pytest.fixture
def postgres(postgresql: Cluster) -> Iterator[Database]:
    with postgresql.database() as url:
        database = open_database(url)
        yield database
        database.close()


def test_a_change_is_told_by_channel_and_study(postgres: Database) -> None:
    told: Told = SimpleQueue()
    with Wakeups(postgres, lambda *change: told.put(change)) as heard:
        until(lambda: heard.is_heard, seconds=10)
        study = create(postgres)
        assert {told.get(timeout=5), told.get(timeout=5)} == {
            (VERSIONS, study.id),
            (QUEUE, study.id),
        }
        claimed = Queue(postgres).claim("worker-1", 60.0)
        assert claimed is not None
        assert told.get(timeout=5) == (VERSIONS, study.id)
        Queue(postgres).release(study.id, "worker-1")
        assert {told.get(timeout=5), told.get(timeout=5)} == {
            (VERSIONS, study.id),
            (QUEUE, study.id),
        }
    assert not heard.is_heard
    create(postgres)
    with pytest.raises(Empty):
        told.get(timeout=0.2)


def test_behind_a_pooler_that_swallows_messages_nothing_is_said_to_be_heard(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pooler of transactions lets LISTEN pass on a connection that the process then loses.
    monkeypatch.setattr(wakeups, "_ECHO", "search_echo; UNLISTEN *")
    monkeypatch.setattr(wakeups, "_ECHO_S", 0.5)
    with Wakeups(postgres, lambda *_: None) as heard, pytest.raises(AssertionError, match="vain"):
        until(lambda: heard.is_heard, seconds=1.5)


def test_after_a_restart_of_the_server_changes_are_told_again(postgresql: Cluster) -> None:
    initdb = find_program("initdb")
    assert initdb is not None
    told: Told = SimpleQueue()
    with cluster(initdb, keeps_commits=True) as server, server.database() as url:
        database = open_database(url)
        with Wakeups(database, lambda *change: told.put(change)) as heard:
            until(lambda: heard.is_heard, seconds=10)
            server.stop()
            until(lambda: not heard.is_heard, seconds=10)
            server.start()
            until(lambda: heard.is_heard, seconds=20)
            study = create(database)
            assert told.get(timeout=5)[1] == study.id
        database.close()


@sqlite_only
def test_sqlite_tells_nothing(database: Database) -> None:
    with Wakeups(database, lambda *_: None) as heard:
        assert not heard.is_heard
