"""A fresh database for each test, and a study in it that a worker holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.study import StudySpec
from storage import Database, Queue, Recorder, Studies, open_database
from storage.rows.study_rows import StudyRow

WORKER = "worker-1"
LEASE_S = 60.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'search.db'}"


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
