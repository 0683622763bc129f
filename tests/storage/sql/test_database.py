"""Opening is safe, reading waits for nobody, and what cannot work is said in a sentence."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest
from sqlalchemy import Connection, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from search.errors import Conflict, InvalidInput, MissingExtra
from storage import Database, Queue, open_database
from storage.sql.tables import WORKERS
from tests.postgresql import LOCKED, Cluster
from tests.storage.conftest import sqlite_only
from tests.storage.processes import open_at_once


def test_eight_processes_may_open_a_new_database_at_the_same_moment(bare_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(8)
        with ProcessPoolExecutor(8, mp_context=context) as pool:
            futures = [pool.submit(open_at_once, bare_url, barrier) for _ in range(8)]
            assert [future.result() for future in futures] == [True] * 8


def test_opening_twice_keeps_what_is_there(url: str, database: Database) -> None:
    Queue(database).beat("worker-1")
    again = open_database(url)
    assert Queue(again).live_workers(60) == ("worker-1",)
    again.close()


def test_a_database_that_optuna_made_first_can_be_shared(bare_url: str) -> None:
    study = optuna.create_study(study_name="mine", storage=bare_url)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    database = open_database(bare_url)
    storage = database.optuna_storage()
    assert [frozen.study_name for frozen in storage.get_all_studies()] == ["mine"]
    storage.engine.dispose()
    database.close()


@pytest.mark.parametrize(
    "name", ["with space.db", "100%.db", "{braces}.db", "naïve.db", "a/b/c.db"]
)
def test_any_file_name_works(name: str, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / name}")
    assert database.ping()
    storage = database.optuna_storage()
    assert storage.get_all_studies() == []
    storage.engine.dispose()
    database.close()
    assert (tmp_path / name).is_file()


@sqlite_only
@pytest.mark.parametrize("which", ["writing", "reading", "optuna"])
def test_every_connection_carries_the_pragmas(which: str, database: Database) -> None:
    storage = database.optuna_storage()
    opened: dict[str, Callable[[], AbstractContextManager[Connection]]] = {
        "writing": database.writing,
        "reading": database.reading,
        "optuna": storage.engine.connect,
    }
    expected = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 60000}
    with opened[which]() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in expected}
    assert found == expected
    storage.engine.dispose()


def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    storage = database.optuna_storage()
    with database.writing() as connection:
        connection.execute(insert(WORKERS).values(_worker()))
        with database.reading() as reader:
            assert reader.execute(select(WORKERS.c.id)).all() == []
        assert storage.get_all_studies() == []
    storage.engine.dispose()
    assert Queue(database).live_workers(60) == ("w",)


def test_a_reader_sees_one_snapshot(database: Database) -> None:
    with database.reading() as reader:
        assert reader.execute(select(WORKERS.c.id)).all() == []
        Queue(database).beat("worker-1")
        assert reader.execute(select(WORKERS.c.id)).all() == []
    assert Queue(database).live_workers(60) == ("worker-1",)


@sqlite_only
def test_writers_in_two_engines_wait_for_each_other(url: str, database: Database) -> None:
    other = open_database(url)
    order = []

    def write_second() -> None:
        with other.writing():
            order.append("second")

    with database.writing():
        thread = threading.Thread(target=write_second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    other.close()
    assert order == ["first", "second"]


def test_an_error_rolls_back(database: Database) -> None:
    def fail_halfway() -> None:
        with database.writing() as connection:
            connection.execute(insert(WORKERS).values(_worker()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert Queue(database).live_workers(60) == ()


def test_reading_cannot_write(database: Database) -> None:
    with database.reading() as connection, pytest.raises(DBAPIError, match=r"read-?only"):
        connection.execute(insert(WORKERS).values(_worker()))


@sqlite_only
def test_ping_says_whether_the_database_answers(url: str, tmp_path: Path) -> None:
    database = open_database(url)
    assert database.ping()
    database.close()
    (tmp_path / "search.db").write_bytes(b"this is no database" * 100)
    assert not database.ping()
    database.close()


def test_a_forked_process_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = os.getpid()
    monkeypatch.setattr("os.getpid", lambda: pid + 1)
    with pytest.raises(RuntimeError, match="spawn"), database.reading():
        pass


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://localhost/x", "'mysql' is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_a_way_out(url: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        open_database(url)


def test_a_postgresql_that_does_not_answer_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be opened") as refused:
        open_database(f"postgresql://me:secret@/x?host={tmp_path}")
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "postgresql//me:s3cret@host/x",
        "me:s3cret@host",
        "postgresql://me:s3cret@host:port/x",
        "postgresql://me:s3cret/@host:port/x",
        "mysql://me:s3cret@host/x",
        "postgresql://me@nowhere.invalid/x?password=s3cret",
        "postgresql://me:s3cret@nowhere.invalid/x",
        "postgresql password=s3cret host=x",
    ],
)
def test_a_password_is_in_no_sentence(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        open_database(url)
    assert "s3cret" not in str(refused.value)
    assert "cret" not in str(refused.value)


def test_a_wrong_password_is_told_without_it(postgresql: Cluster) -> None:
    postgresql.execute(f"CREATE ROLE {LOCKED} LOGIN PASSWORD 'right'")
    with postgresql.database() as url:
        given = make_url(url).set(username=LOCKED, password="s3cret")
        with pytest.raises(InvalidInput, match="password authentication failed") as refused:
            open_database(given.render_as_string(hide_password=False))
    said = str(refused.value)
    assert "s3cret" not in said
    assert "ACTIVATION_SEARCH_DATABASE_URL" in said


def test_a_database_that_is_not_there_is_told(postgresql: Cluster) -> None:
    with postgresql.database() as url:
        given = make_url(url).set(database="misspelt")
        with pytest.raises(InvalidInput, match='"misspelt" does not exist'):
            open_database(given.render_as_string(hide_password=False))


def test_postgresql_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"activation-search\[postgres\]"):
        open_database("postgresql+psycopg://localhost/x")


@pytest.mark.parametrize("table", ["activation_search_version", "alembic_version"])
def test_a_database_of_a_newer_version_is_refused(table: str, url: str) -> None:
    database = open_database(url)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {table} SET version_num = '9999'"))
    database.close()
    with pytest.raises(Conflict, match="written by another version"):
        open_database(url)


def _worker() -> dict[str, object]:
    return {"id": "w", "started_at": datetime.now(UTC), "beat_at": datetime.now(UTC)}
