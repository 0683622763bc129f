"""Every released schema, with data in it, is upgraded without a row or a cell lost.

A release leaves `database_of_VERSION.db.xz` in `tests/service/data`; it is opened here as it is, at
every revision since, and on PostgreSQL.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, insert, select, text
from sqlalchemy.engine import Engine

from storage import open_database
from storage.integrity import find_faults
from storage.sql.database import Database
from storage.sql.tables import METADATA
from tests.postgresql import Cluster

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "service" / "data"
CHANGES = (ROOT / "CHANGELOG.md").read_text()
RELEASES = re.findall(r"^## \[(\d\S*)\]", CHANGES, re.MULTILINE)
Rows = dict[str, list[dict[str, Any]]]


def config(connection: Connection | None = None) -> Config:
    found = Config()
    found.set_main_option("script_location", "storage:migrations")
    found.attributes["connection"] = connection
    return found


SCRIPTS = ScriptDirectory.from_config(config())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]


def read(connection: Connection) -> Rows:
    """Every row of every table, as the database has it, in the order of its first columns."""
    found = MetaData()
    found.reflect(connection)
    return {
        table.name: sorted(
            (dict(row._mapping) for row in connection.execute(select(table))), key=repr
        )
        for table in found.sorted_tables
        if table.name != "activation_search_version"
    }


def lost(old: Rows, new: Rows) -> Iterator[str]:
    """What `new` lacks of `old`; columns and tables may have been added."""
    for name, rows in old.items():
        columns = rows[0].keys() if rows else ()
        later = [{key: row[key] for key in columns} for row in new.get(name, [])]
        if sorted(later, key=repr) != sorted(rows, key=repr):
            yield name


@pytest.fixture(params=RELEASES)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a copy of a release's database."""
    content = lzma.decompress((DATA / f"database_of_{request.param}.db.xz").read_bytes())
    (tmp_path / "old.db").write_bytes(content)
    return f"sqlite:///{tmp_path / 'old.db'}"


@pytest.fixture
def old(released: str) -> Iterator[Engine]:
    engine = create_engine(released)
    yield engine
    engine.dispose()


def opened(url: str) -> Rows:
    """Open the database as every program does, look through it, and return its rows."""
    database: Database = open_database(url)
    try:
        assert find_faults(database) == ()
        with database.reading() as connection:
            return read(connection)
    finally:
        database.close()


def revision(connection: Connection) -> str:
    found: str = connection.execute(
        text("SELECT version_num FROM activation_search_version")
    ).scalar_one()
    return found


def test_there_is_a_release_to_try_and_it_has_rows(old: Engine) -> None:
    with old.connect() as connection:
        before = read(connection)
    for name in ("search_studies", "search_trials", "search_dataset_contents", "trials"):
        assert before[name]


def test_opening_a_released_database_loses_nothing(released: str, old: Engine) -> None:
    with old.connect() as connection:
        before = read(connection)
        assert revision(connection) != SCRIPTS.get_current_head()
    after = opened(released)
    assert list(lost(before, after)) == []
    assert set(after) >= set(METADATA.tables)
    with old.connect() as connection:
        assert revision(connection) == SCRIPTS.get_current_head()


def test_a_lost_row_or_cell_would_be_noticed(old: Engine) -> None:
    with old.connect() as connection:
        before, after = read(connection), read(connection)
    assert list(lost(before, after)) == []
    after["search_trials"].pop()
    after["search_studies"][0]["name"] = "another"
    assert sorted(lost(before, after)) == ["search_studies", "search_trials"]


@pytest.mark.parametrize("stop", REVISIONS)
def test_every_revision_between_is_upgraded_with_data_in_it(
    released: str, old: Engine, stop: str
) -> None:
    """As if a release had been made at `stop`: reached by steps, or by taking steps back."""
    before = opened(released)
    with old.begin() as connection:
        command.downgrade(config(connection), "0001")
        first = read(connection)
        assert list(lost({n: first[n] for n in first}, before)) == []
        command.upgrade(config(connection), stop)
        assert revision(connection) == stop
        assert list(lost(first, read(connection))) == []
    assert list(lost(first, opened(released))) == []


@pytest.mark.parametrize("stop", REVISIONS)
def test_every_revision_between_is_upgraded_on_postgresql(
    released: str, old: Engine, stop: str, postgresql: Cluster
) -> None:
    opened(released)
    with old.begin() as connection:
        command.downgrade(config(connection), stop)
        before = read(connection)
    with postgresql.database() as url:
        moved = create_engine(url)
        with moved.begin() as connection:
            command.downgrade(config(connection), stop)
            found = MetaData()
            found.reflect(connection)
            for table in found.sorted_tables:
                if before.get(table.name):
                    connection.execute(table.delete())
                    connection.execute(insert(table), before[table.name])
        moved.dispose()
        assert list(lost(before, opened(url))) == []
