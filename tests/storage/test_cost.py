"""Recording costs a few statements a batch, and no more work the longer the study is.

Seconds, and the comparison with Optuna's own storage, belong to the benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optuna.trial import TrialState
from sqlalchemy import event

from storage import Database, Recorder
from tests.storage.conftest import sqlite_only
from tests.storage.records import changed, make_rung

STEPS = 10
#: One for each of Optuna's five tables and four of ours, and some look-ups.
MOST_STATEMENTS = 14
#: SQLite's virtual machine tells of every so many instructions.
INSTRUCTIONS = 100


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements of writing transactions, one entry an execution, new trials as one."""
    seen: list[str] = []

    def note(*arguments: object) -> None:
        statement = str(arguments[2])
        # SQLite returns ids in the order of the rows only from one insert a row.
        if not (statement.startswith("INSERT INTO trials ") and statement in seen):
            seen.append(statement)

    event.listen(database._writer, "before_cursor_execute", note)
    yield seen
    event.remove(database._writer, "before_cursor_execute", note)


def record(recorder: Recorder, start: int, count: int, state: TrialState) -> None:
    steps = STEPS if state is TrialState.COMPLETE else 3
    numbers = range(start, start + count)
    recorder.record([changed(*(make_rung(number, steps, state) for number in numbers))])


def test_a_batch_costs_a_statement_a_table_however_many_trials_it_has(
    database: Database, recorder: Recorder
) -> None:
    record(recorder, 1000, 1, TrialState.COMPLETE)  # its distributions are recorded once
    counts = {}
    for start, size in ((0, 4), (100, 64)):
        for state in (TrialState.RUNNING, TrialState.COMPLETE):
            with statements(database) as seen:
                record(recorder, start, size, state)
            counts[size, state] = len(seen)
    assert counts[4, TrialState.RUNNING] == counts[64, TrialState.RUNNING] > 0
    assert counts[4, TrialState.COMPLETE] == counts[64, TrialState.COMPLETE] > 0
    assert max(counts.values()) <= MOST_STATEMENTS


@sqlite_only
def test_the_work_of_a_batch_does_not_grow_with_the_study(
    database: Database, recorder: Recorder
) -> None:
    def instructions(work: Callable[[], object]) -> int:
        count = 0

        def tell() -> None:
            nonlocal count
            count += 1

        with database.writing() as connection:
            sqlite = connection.connection.driver_connection
            assert sqlite is not None
            sqlite.set_progress_handler(tell, INSTRUCTIONS)
        work()
        return count

    def work_of(start: int) -> int:
        return instructions(lambda: record(recorder, start, 32, TrialState.COMPLETE))

    work_of(0)
    first = work_of(32)
    for start in range(64, 1024, 64):
        record(recorder, start, 64, TrialState.COMPLETE)
    assert 0 < work_of(1024) < 1.2 * first
