"""A server that goes away and comes back: told as such, and connected to again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from optuna.trial import TrialState
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from search.errors import NotReady
from search.study import StudySpec
from storage import Database, DatabaseAway, Queue, Recorder, Studies, Trials, open_database
from tests.postgresql import Cluster, cluster, find_program
from tests.storage.records import changed, make_record

WORKER = "worker-1"


@pytest.fixture(scope="module")
def server(postgresql: Cluster) -> Iterator[Cluster]:
    """A cluster that may be stopped; where there is none, `postgresql` skips or fails."""
    initdb = find_program("initdb")
    assert initdb is not None
    with cluster(initdb, keeps_commits=True) as running:
        yield running


@pytest.fixture
def database(server: Cluster) -> Iterator[Database]:
    with server.database() as url:
        database = open_database(url)
        yield database
        database.close()


def test_a_server_that_is_away_is_told_and_found_again(server: Cluster, database: Database) -> None:
    queue = Queue(database)
    queue.beat(WORKER)
    server.stop()
    try:
        assert not database.ping()
        for ask in (lambda: queue.live_workers(60), lambda: queue.beat(WORKER)):
            with pytest.raises(NotReady, match=r"does not answer.*try again"):
                ask()
    finally:
        server.start()
    assert database.ping()
    assert queue.live_workers(60) == (WORKER,)


def test_a_connection_that_breaks_within_a_transaction_is_told(
    server: Cluster, database: Database
) -> None:
    def broken() -> None:
        with database.writing() as connection:
            connection.execute(text("SELECT 1"))
            server.stop()
            server.start()
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseAway):
        broken()
    assert database.ping()


def test_other_errors_of_a_database_are_not_told_as_its_absence(database: Database) -> None:
    def mistaken() -> None:
        with database.writing() as connection:
            connection.execute(text("SELECT * FROM nothing"))

    with pytest.raises(DBAPIError) as refused:
        mistaken()
    assert not isinstance(refused.value, DatabaseAway)


def test_what_was_in_doubt_is_recorded_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may commit and go away before it has said so."""
    studies, queue = Studies(database), Queue(database)
    study = studies.create(
        StudySpec(dataset="digits"), directions=["minimize"], metric_names=["log_loss"]
    )
    queue.claim(WORKER, 60.0)
    recorder = Recorder(database, study.id, WORKER)
    events = [changed(make_record(0), make_record(1))]
    writing = database.writing

    def committed_and_gone() -> object:
        class Gone:
            def __enter__(self) -> object:
                self.within = writing()
                return self.within.__enter__()

            def __exit__(self, *error: object) -> None:
                self.within.__exit__(None, None, None)
                raise DatabaseAway("gone")

        return Gone()

    monkeypatch.setattr(database, "writing", committed_and_gone)
    with pytest.raises(DatabaseAway):
        recorder.record(events)
    monkeypatch.setattr(database, "writing", writing)
    recorder.record(events)
    recorded = Trials(database).list(study.id).items
    assert [trial.number for trial in recorded] == [0, 1]
    assert {trial.state for trial in recorded} == {TrialState.COMPLETE}
    storage = database.optuna_storage()
    (optunas,) = storage.get_all_studies()
    assert len(storage.get_all_trials(optunas._study_id)) == 2
    storage.engine.dispose()
