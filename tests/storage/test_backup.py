"""A backup is one whole moment of a database that is in use, and goes back where nobody is."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import text

from search.errors import Conflict, InvalidInput
from search.study import StudySpec
from storage import Database, Studies, open_database
from storage.backup import back_up, restore
from storage.integrity import find_faults
from storage.rows.study_rows import StudyRow
from tests.postgresql import Cluster
from tests.storage.conftest import WORKER, sqlite_only
from tests.storage.processes import record_forever


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of ours and Optuna's, as text."""
    database = open_database(url)
    try:
        with database.reading() as connection:
            if connection.dialect.name == "sqlite":
                tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
            else:
                tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            names = connection.execute(text(tables)).scalars().all()
            return {
                name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"'))))
                for name in names
            }  # type: ignore[return-value]
    finally:
        database.close()


def another(database: Database) -> str:
    spec = StudySpec(dataset="iris", name="another")
    return Studies(database).create(spec, directions=["minimize"], metric_names=["loss"]).id


@pytest.fixture
def elsewhere(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a place without a database, of the kind of `url`."""
    if url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'elsewhere' / 'search.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.database(template="template0") as other:
        yield other


def test_what_was_backed_up_is_there_again_row_by_row(
    database: Database, queued: StudyRow, url: str, elsewhere: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.backup"
    assert back_up(url, file) == file.stat().st_size > 1000
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert restore(elsewhere, file) is None
    there = rows(elsewhere)
    assert there == rows(url)
    assert any(queued.id in str(row) for row in there["search_studies"])


def test_a_backup_never_overwrites_anything(database: Database, url: str, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        back_up(url, file)
    assert file.read_text() == "mine"
    with pytest.raises(InvalidInput):
        back_up(url, tmp_path / "no" / "folder" / "x")
    assert sorted(path.name for path in tmp_path.glob("*.partial")) == []


def test_a_database_makes_way_only_if_told_to(
    database: Database, queued: StudyRow, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.backup"
    back_up(url, file)
    later = another(database)
    database.close()
    with pytest.raises(Conflict, match="--replace"):
        restore(url, file)
    assert later in str(rows(url)["search_studies"])
    moved = restore(url, file, replace=True)
    assert later not in str(rows(url)["search_studies"])
    assert queued.id in str(rows(url)["search_studies"])
    if moved is not None:
        assert later in str(rows(f"sqlite:///{moved}")["search_studies"])


def test_a_database_in_use_is_not_replaced(
    database: Database, queued: StudyRow, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.backup"
    back_up(url, file)
    with database.reading() as connection:
        connection.execute(text("SELECT count(*) FROM search_studies"))
        with pytest.raises(Conflict, match="in use"):
            restore(url, file, replace=True)
    assert another(database) in str(rows(url)["search_studies"])


@sqlite_only
def test_a_backup_made_while_a_worker_writes_is_whole(
    database: Database, running: StudyRow, url: str, tmp_path: Path
) -> None:
    context = get_context("spawn")
    started = context.Event()
    writer = context.Process(target=record_forever, args=(url, running.id, WORKER, started))
    writer.start()
    try:
        assert started.wait(60)
        for number in range(5):
            back_up(url, tmp_path / f"{number}.backup")
    finally:
        writer.kill()
        writer.join()
    trials = []
    for number in range(5):
        place = tmp_path / f"{number}.backup"
        with closing(sqlite3.connect(place)) as connection:
            trials.append(connection.execute("SELECT count(*) FROM search_trials").fetchone()[0])
        copy = open_database(f"sqlite:///{place}")
        assert find_faults(copy) == ()
        copy.close()
    assert trials == sorted(trials)
    assert trials[0] < trials[-1]


@sqlite_only
def test_what_is_no_backup_is_refused_and_nothing_changes(
    database: Database, queued: StudyRow, url: str, tmp_path: Path
) -> None:
    database.close()
    before = rows(url)
    good = tmp_path / "good.backup"
    back_up(url, good)
    content = good.read_bytes()
    bad = {
        "text": b"not a database",
        "cut off": content[: len(content) // 2],
        "holes": content[:8192] + bytes(4096) + content[12288:],
        "another program's": b"",
    }
    for name, data in bad.items():
        file = tmp_path / name
        file.write_bytes(data)
        if not data:
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE notes (x)")
        with pytest.raises(InvalidInput):
            restore(url, file, replace=True)
        assert rows(url) == before, name
    with pytest.raises(InvalidInput, match="cannot be read"):
        restore(url, tmp_path / "nothing", replace=True)
    assert list(tmp_path.glob("*.partial")) == []


@sqlite_only
def test_a_backup_of_a_newer_release_is_refused_by_its_revision(
    database: Database, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.backup"
    back_up(url, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE activation_search_version SET version_num = '9999'")
    database.close()
    with pytest.raises(Conflict, match=r"newer release.*9999"):
        restore(url, file, replace=True)


@sqlite_only
def test_a_damaged_database_is_replaced_and_kept(
    database: Database, queued: StudyRow, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.backup"
    back_up(url, file)
    database.close()
    assert database.file is not None
    database.file.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    moved = restore(url, file, replace=True)
    assert moved is not None
    assert moved.stat().st_size == 5016
    assert queued.id in str(rows(url)["search_studies"])


@sqlite_only
def test_where_no_database_is_nothing_is_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no database at"):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "x")
    assert not (tmp_path / "none.db").exists()
