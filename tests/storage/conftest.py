"""A fresh database for each test, and a study in it that a worker holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from search.study import StudySpec
from storage import Database, Queue, Recorder, Studies, open_database
from storage.rows.study_rows import StudyRow
from tests.postgresql import Cluster

WORKER = "worker-1"
LEASE_S = 60.0


#: For tests of what only SQLite has.
sqlite_only = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables; a copy takes a fraction of the time of making one."""
    path = tmp_path_factory.mktemp("template") / "search.db"
    open_database(f"sqlite:///{path}").close()
    assert [file.name for file in path.parent.glob("*-wal")] == []
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[str]:
    """The URL of a database without studies; every test that uses it runs on both kinds."""
    if request.param == "sqlite":
        yield f"sqlite:///{copyfile(sqlite_template, tmp_path / 'search.db')}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.database(template="template0") as url:
        yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = open_database(url)
    yield database
    database.close()


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


@pytest.fixture
def queued(studies: Studies) -> StudyRow:
    return studies.create(
        StudySpec(dataset="digits", name="digits, which activation?"),
        directions=["minimize"],
        metric_names=["log_loss"],
    )


@pytest.fixture
def running(queue: Queue, queued: StudyRow) -> StudyRow:
    claimed = queue.claim(WORKER, LEASE_S)
    assert claimed is not None
    return claimed


@pytest.fixture
def recorder(database: Database, running: StudyRow) -> Recorder:
    return Recorder(database, running.id, WORKER)
