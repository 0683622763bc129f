"""A SQLite file that another program holds, a disk that is full, a folder for reading alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from search.errors import Conflict
from storage import Queue, WriteProbe, open_database, open_to_read
from storage.sql.away import DatabaseBusy, DatabaseUnwritable
from storage.sql.database import Database
from storage.write_probe import _HELD_S
from tests.torture import mounts

BUSY_S = 1.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'search.db'}", busy_seconds=BUSY_S)
    yield database
    database.close()


@contextmanager
def held(database: Database) -> Iterator[sqlite3.Connection]:
    assert database.file is not None
    with closing(sqlite3.connect(database.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        other.execute("ROLLBACK")


def test_who_waits_too_long_is_told_to_come_again_and_then_gets_through(
    database: Database,
) -> None:
    queue = Queue(database)
    with held(database):
        began = time.monotonic()
        with pytest.raises(DatabaseBusy, match="another program holds"):
            queue.beat("worker-1")
        assert BUSY_S / 2 < time.monotonic() - began < BUSY_S + 3
        assert database.held_seconds > 0
        assert queue.live_workers(60) == ()  # reading goes on
    queue.beat("worker-1")
    assert database.held_seconds == 0
    assert queue.live_workers(60) == ("worker-1",)


def test_behind_one_that_waits_others_are_refused_at_once(tmp_path: Path) -> None:
    patient = open_database(f"sqlite:///{tmp_path / 'search.db'}", busy_seconds=4.0)
    queue = Queue(patient)
    with held(patient), ThreadPoolExecutor(1) as thread:
        first = thread.submit(queue.beat, "worker-1")
        time.sleep(2.0)
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(DatabaseBusy):
                queue.beat("worker-2")
        assert time.monotonic() - began < 1.0
        assert not first.done()
        assert isinstance(first.exception(), DatabaseBusy)
    queue.beat("worker-2")
    patient.close()


def test_a_file_that_may_grow_no_more_is_a_full_disk(database: Database) -> None:
    queue = Queue(database)
    with database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def grow() -> None:
        for number in range(2_000):
            queue.beat(f"worker-{number}")

    with pytest.raises(DatabaseUnwritable, match="disk of the database is full"):
        grow()
    with database.writing() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={100 * pages}")
    queue.beat("another")
    assert "another" in queue.live_workers(60)


def test_the_probe_tells_what_keeps_writes_away_while_it_lasts(database: Database) -> None:
    probe = WriteProbe(database)
    probe.probe()
    assert probe.fault() is None
    with held(database):
        deadline = time.monotonic() + _HELD_S + 10
        while probe.fault() is None:
            assert time.monotonic() < deadline
            probe.probe()
        assert "another program" in str(probe.fault())
    probe.probe()
    assert probe.fault() is None
    probe.close()


def test_asking_the_probe_waits_for_nobody(database: Database) -> None:
    probe = WriteProbe(database)
    with held(database):
        began = time.monotonic()
        for _ in range(1000):
            probe.fault()
        assert time.monotonic() - began < BUSY_S / 2
    probe.close()


@pytest.mark.skipif(not mounts.are_possible(), reason="no mounts of one's own here")
@pytest.mark.parametrize("is_open", [False, True])
def test_a_read_only_file_is_read_as_it_stands(tmp_path: Path, is_open: bool) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    database = open_database(url)
    Queue(database).beat("worker-1")
    if not is_open:
        database.close()
    program = (
        "from storage import Queue, open_to_read\n"
        f"database = open_to_read({url!r})\n"
        "print(Queue(database).live_workers(600))\n"
    )
    command = [*mounts.read_only(tmp_path), sys.executable, "-c", program]
    read = subprocess.run(command, check=False, capture_output=True, text=True)
    assert read.stdout == "('worker-1',)\n", read.stderr
    database.close()


@pytest.mark.skipif(not mounts.are_possible(), reason="no mounts of one's own here")
def test_a_read_only_file_of_another_release_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    open_database(url).close()
    with closing(sqlite3.connect(tmp_path / "search.db")) as connection:
        connection.execute("UPDATE activation_search_version SET version_num = '0001'")
        connection.commit()
    program = f"from storage import open_to_read\nopen_to_read({url!r})\n"
    command = [*mounts.read_only(tmp_path), sys.executable, "-c", program]
    read = subprocess.run(command, check=False, capture_output=True, text=True)
    assert Conflict.__name__ in read.stderr
    assert "has the schema '0001'" in read.stderr


def test_a_file_that_can_be_written_to_is_opened_and_brought_up_to_date(tmp_path: Path) -> None:
    database = open_to_read(f"sqlite:///{tmp_path / 'new' / 'search.db'}")
    assert database.ping()
    database.close()
