"""`find_faults` finds each kind of fault, says of which study, and nothing where all is whole."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from search.study import StudyEnded, StudyState
from storage import Database, Queue, Recorder
from storage.integrity import find_faults
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import WORKER, sqlite_only
from tests.storage.records import changed, make_record

#: A statement that somebody ran on the database -> words of the finding.
DAMAGE = {
    "UPDATE trial_values SET value = value + 1": "has another value in Optuna's table",
    "UPDATE trials SET number = number + 7": "has another number in Optuna's table",
    "UPDATE trials SET state = 'FAIL' WHERE number = 1": "is in another state in Optuna's table",
    "DELETE FROM trial_params WHERE trial_id = (SELECT max(trial_id) FROM trial_params)": (
        "has other parameters in Optuna's table"
    ),
    "UPDATE studies SET study_name = 'other'": "in Optuna's table",
    "UPDATE search_trials SET trial_id = trial_id + 1000": "is missing in Optuna's tables",
    "DELETE FROM search_trials WHERE number = 1": "that this service did not record",
    "UPDATE search_trials SET number = 9 WHERE number = 2": "and the last one is number 9",
    "UPDATE search_studies SET trials_finished = 8": "tells of 8 finished trials and has 3",
}


@pytest.fixture
def ended(database: Database, recorder: Recorder, queue: Queue, running: StudyRow) -> StudyRow:
    """A completed study of three trials."""
    recorder.record([changed(*(make_record(number=i) for i in range(3)))])
    with database.writing() as connection:
        connection.execute(text("UPDATE search_studies SET trials_finished = 3"))
    queue.finish(running.id, WORKER, StudyState.COMPLETED)
    return running


def test_a_whole_database_has_no_fault(database: Database, ended: StudyRow) -> None:
    assert find_faults(database) == ()


@pytest.mark.parametrize("statement", DAMAGE)
def test_each_fault_is_found(database: Database, ended: StudyRow, statement: str) -> None:
    with database.writing() as connection:
        assert connection.execute(text(statement)).rowcount > 0
    found = find_faults(database)
    assert any(DAMAGE[statement] in each and ended.id in each for each in found), found


def test_a_blob_that_cannot_be_read_is_found(database: Database, ended: StudyRow) -> None:
    with database.writing() as connection:
        connection.execute(
            text("UPDATE search_trials SET details = :x WHERE number = 1"), {"x": b"\x09"}
        )
    (fault,) = find_faults(database)
    assert "trial 1 of study" in fault
    assert "format 9" in fault


def test_the_study_that_optuna_lost_is_named(database: Database, ended: StudyRow) -> None:
    with database.writing() as connection:
        for table in ("study_directions", "study_user_attributes", "study_system_attributes"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE trials SET study_id = NULL"))
        connection.execute(text("DELETE FROM studies"))
    assert any("has no study of Optuna" in each for each in find_faults(database))


@sqlite_only
def test_a_row_that_refers_to_nothing_is_found(database: Database, ended: StudyRow) -> None:
    with database.writing() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        connection.connection.driver_connection.execute("COMMIT")  # type: ignore[union-attr]
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]
        connection.execute(text("UPDATE search_trials SET study_id = 'st_none' WHERE number = 2"))
    assert any("refers to a row of search_studies" in each for each in find_faults(database))


@sqlite_only
def test_a_damaged_page_is_found(database: Database, ended: StudyRow, url: str) -> None:
    with database.writing() as connection:
        connection.execute(text("DELETE FROM search_idempotency"))
    assert database.file is not None
    database.close()
    content = bytearray(database.file.read_bytes())
    for place in range(len(content) // 2, len(content), 4096):
        content[place : place + 64] = bytes(64)
    database.file.write_bytes(content)
    found = find_faults(database)
    assert found
    assert all("the file is damaged" in each for each in found)


def test_trials_that_still_run_are_no_fault(
    database: Database, recorder: Recorder, running: StudyRow
) -> None:
    recorder.record([changed(make_record(number=0, state=TrialState.RUNNING, values=None))])
    assert find_faults(database) == ()
    recorder.record([StudyEnded(state=StudyState.CANCELLED)])
    assert find_faults(database) == ()
