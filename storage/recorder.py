"""Writes what a running study yields, many events in one transaction, into both schemas.

Optuna's RDBStorage makes some twenty transactions a trial; here a batch of trials costs a dozen
statements, each with all its rows. The recorder remembers the rows of unfinished trials, so that
recording a trial again writes only what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from search.study import (
    Event,
    PhaseStarted,
    ProgressMade,
    StudyEnded,
    StudyState,
    TrialRecord,
    TrialsChanged,
)
from storage import optuna_tables
from storage.closing import close_open_trials
from storage.database import Database
from storage.leases import end_columns, lease_lost, update_after_end, update_as_holder
from storage.optuna_rows import CHILDREN, Child, Rows, check, trial_row
from storage.results import write_results
from storage.studies import get_study
from storage.tables import REQUESTS, STUDIES, TRIALS
from storage.trial_rows import read_trial, write_trial
from storage.upsert import upsert

_PROGRESS = (
    "trials_total",
    "trials_finished",
    "trials_pruned",
    "trials_failed",
    "trials_running",
    "trials_per_second",
    "seconds_left",
    "best_value",
)
_KEY = ("study_id", "number")
#: One entry per table of CHILDREN.
_ChildRows = tuple[Rows, ...]


class Recorder:
    """Records one study on behalf of the worker that holds it. For one thread at a time."""

    def __init__(self, database: Database, study_id: str, worker_id: str) -> None:
        self._database = database
        self._study_id = study_id
        self._worker_id = worker_id
        with database.reading() as connection:
            self._optuna_id = get_study(connection, study_id).optuna_id
            #: Number -> Optuna's trial id.
            self._ids = _read_ids(connection, study_id)
        #: Number -> what is recorded of an unfinished trial; a cache of the database.
        self._known: dict[int, _ChildRows] = {}
        self._ended: StudyState | None = None

    def history(self) -> tuple[TrialRecord, ...]:
        """Return every recorded trial, whole, by number."""
        query = select(TRIALS).where(TRIALS.c.study_id == self._study_id)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(TRIALS.c.number)).all()
        return tuple(read_trial(row) for row in rows)

    def record(self, events: Sequence[Event], *, results: Mapping[str, Any] | None = None) -> None:
        """Write all events, and the results document if given, in one transaction.

        Recording a trial again replaces what was known of it. StudyEnded ends the lease. Raises
        LeaseLost, and writes nothing, where this worker does not hold the study; InvalidInput for
        a complete trial without values.
        """
        now = datetime.now(UTC)
        trials, columns, ended = _fold(events, now)
        records = [trials[number] for number in sorted(trials)]
        for record in records:
            check(record)
        children = {record.number: tuple(c.rows(record) for c in CHILDREN) for record in records}
        with self._database.writing() as connection:
            version = self._bump(connection, columns)
            if records:
                new_ids = self._write_trials(connection, records, children, version, now)
            if results is not None:
                write_results(connection, self._study_id, results, now)
            if ended is not None and ended.is_finished:
                close_open_trials(connection, self._study_id, now, f"the study was {ended}")
        # Only what is committed may be remembered.
        self._ended = ended
        if records:
            self._ids.update(new_ids)
            for record in records:
                self._remember(record, children[record.number])

    def put_results(self, document: Mapping[str, Any]) -> None:
        """Store the results document by itself; LeaseLost as in `record`.

        Allowed also after this recorder's StudyEnded, until someone takes the study up again.
        """
        with self._database.writing() as connection:
            self._bump(connection, {}, ended=self._ended)
            write_results(connection, self._study_id, document, datetime.now(UTC))

    def _bump(
        self, connection: Connection, columns: dict[str, Any], *, ended: StudyState | None = None
    ) -> int:
        statement = (
            update_as_holder(self._study_id, self._worker_id)
            if ended is None
            else update_after_end(self._study_id, ended)
        )
        version: int | None = connection.execute(
            statement.values(version=STUDIES.c.version + 1, **columns).returning(STUDIES.c.version)
        ).scalar_one_or_none()
        if version is None:
            raise lease_lost(self._study_id, self._worker_id)
        return version

    def _write_trials(
        self,
        connection: Connection,
        records: Sequence[TrialRecord],
        children: Mapping[int, _ChildRows],
        version: int,
        now: datetime,
    ) -> dict[int, int]:
        old = [record for record in records if record.number in self._ids]
        before = self._recorded(connection, old)
        ids = self._insert_new(connection, records, now)
        self._update_old(connection, old, now)
        for position, child in enumerate(CHILDREN):
            _write_children(
                connection,
                child,
                [
                    (
                        ids.get(record.number) or self._ids[record.number],
                        before.get(record.number, _NOTHING)[position],
                        children[record.number][position],
                    )
                    for record in records
                ],
            )
        rows = [
            {
                **write_trial(record),
                "study_id": self._study_id,
                "trial_id": ids.get(record.number) or self._ids[record.number],
                "version": version,
            }
            for record in records
        ]
        upsert(
            connection,
            TRIALS,
            rows,
            key=_KEY,
            update=[name for name in rows[0] if name not in _KEY],
        )
        _take_requests(connection, self._study_id, records)
        return ids

    def _insert_new(
        self, connection: Connection, records: Iterable[TrialRecord], now: datetime
    ) -> dict[int, int]:
        # In the order of the numbers: Optuna reads trials back in the order of their ids.
        rows = [
            {"study_id": self._optuna_id, **trial_row(record, now)}
            for record in records
            if record.number not in self._ids
        ]
        if not rows:
            return {}
        table = optuna_tables.TRIALS
        inserted = connection.execute(
            insert(table).returning(table.c.number, table.c.trial_id, sort_by_parameter_order=True),
            rows,
        )
        return {row.number: row.trial_id for row in inserted}

    def _update_old(
        self, connection: Connection, records: Iterable[TrialRecord], now: datetime
    ) -> None:
        table = optuna_tables.TRIALS
        rows = [{"id": self._ids[record.number], **trial_row(record, now)} for record in records]
        if rows:
            connection.execute(update(table).where(table.c.trial_id == bindparam("id")), rows)

    def _recorded(
        self, connection: Connection, records: Iterable[TrialRecord]
    ) -> dict[int, _ChildRows]:
        numbers = [record.number for record in records]
        unknown = [number for number in numbers if number not in self._known]
        found = {number: self._known[number] for number in numbers if number in self._known}
        if unknown:
            query = select(TRIALS).where(
                TRIALS.c.study_id == self._study_id, TRIALS.c.number.in_(unknown)
            )
            for row in connection.execute(query):
                record = read_trial(row)
                found[record.number] = tuple(child.rows(record) for child in CHILDREN)
        return found

    def _remember(self, record: TrialRecord, children: _ChildRows) -> None:
        if record.state.is_finished():
            self._known.pop(record.number, None)
        else:
            self._known[record.number] = children


_NOTHING: _ChildRows = tuple({} for _ in CHILDREN)


def _fold(
    events: Sequence[Event], now: datetime
) -> tuple[dict[int, TrialRecord], dict[str, Any], StudyState | None]:
    """Return the last record of each trial, the study's columns, and the end if there is one."""
    trials: dict[int, TrialRecord] = {}
    columns: dict[str, Any] = {}
    ended: StudyState | None = None
    for event in events:
        match event:
            case TrialsChanged():
                trials.update((record.number, record) for record in event.trials)
            case PhaseStarted():
                columns["phase"] = event.phase.value
            case ProgressMade():
                columns.update({name: getattr(event.progress, name) for name in _PROGRESS})
            case StudyEnded():
                columns.update(end_columns(event.state, now))
                ended = event.state
    return trials, columns, ended


def _write_children(
    connection: Connection, child: Child, trials: Iterable[tuple[int, Rows, Rows]]
) -> None:
    """Bring a child table from the rows before to the rows after, for (trial id, before, after)."""
    gone: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    for trial_id, before, after in trials:
        gone += [{"id": trial_id, "row": key} for key in before if key not in after]
        written += [
            {"trial_id": trial_id, child.key: key, **dict(zip(child.values, value, strict=True))}
            for key, value in after.items()
            if before.get(key) != value
        ]
    if gone:
        table = child.table
        connection.execute(
            delete(table).where(
                table.c.trial_id == bindparam("id"), table.c[child.key] == bindparam("row")
            ),
            gone,
        )
    upsert(connection, child.table, written, key=("trial_id", child.key), update=child.values)


def _take_requests(connection: Connection, study_id: str, records: Iterable[TrialRecord]) -> None:
    rows = [
        {"request": record.request_id, "by": record.number}
        for record in records
        if record.request_id is not None
    ]
    if rows:
        connection.execute(
            update(REQUESTS)
            .where(REQUESTS.c.study_id == study_id, REQUESTS.c.id == bindparam("request"))
            .values(trial_number=bindparam("by")),
            rows,
        )


def _read_ids(connection: Connection, study_id: str) -> dict[int, int]:
    query = select(TRIALS.c.number, TRIALS.c.trial_id).where(TRIALS.c.study_id == study_id)
    return {row.number: row.trial_id for row in connection.execute(query)}
