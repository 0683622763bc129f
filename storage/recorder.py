"""The recorder writes the events of a running study, many in one transaction.

Optuna's RDBStorage makes some twenty transactions a trial; here a batch of trials costs about ten
statements, each with all its rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Event,
    Noted,
    OutsideTrial,
    PhaseStarted,
    Progress,
    ProgressMade,
    StudyEnded,
    StudyResults,
    StudyState,
    TestsMade,
    TrialRecord,
    TrialRequest,
    TrialsChanged,
)
from storage.confirmations import read_confirmations, write_confirmations, write_tests
from storage.leases import end_columns, lease_lost, update_after_end, update_as_holder
from storage.open_trials import close_open_trials
from storage.outside_trials import read_outside_trials
from storage.results import write_results
from storage.rows.study_rows import get_study
from storage.rows.trial_rows import read_trial, select_trials
from storage.sql.away import DatabaseAway
from storage.sql.database import Database
from storage.sql.tables import REQUESTS, STUDIES, TRIALS
from storage.trial_writer import TrialWriter

_PROGRESS = tuple(field.name for field in fields(Progress))


class Recorder:
    """Records one study on behalf of the worker that holds it, from its claim to its end.

    For one thread at a time.
    """

    def __init__(self, database: Database, study_id: str, worker_id: str) -> None:
        self._database = database
        self._study_id = study_id
        self._worker_id = worker_id
        self._ended: StudyState | None = None
        self._trials = self._writer()
        #: Whether the last transaction may have been committed although it failed.
        self._in_doubt = False

    def _writer(self) -> TrialWriter:
        with self._database.reading() as connection:
            return TrialWriter(connection, self._study_id)

    def history(self) -> tuple[TrialRecord, ...]:
        """Return every recorded trial, whole, by number."""
        query = select_trials(self._study_id, whole=True).order_by(TRIALS.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(read_trial(row) for row in rows)

    def requests(self) -> tuple[TrialRequest, ...]:
        """Return the requests that recorded trials were asked for by."""
        query = select(REQUESTS).where(
            REQUESTS.c.study_id == self._study_id, REQUESTS.c.trial_number.is_not(None)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(TrialRequest(id=row.id, params=json.loads(row.params)) for row in rows)

    def outside_trials(self, count: int) -> tuple[OutsideTrial, ...]:
        """Return the first `count` complete trials that others have added through Optuna."""
        with self._database.reading() as connection:
            optuna_id = get_study(connection, self._study_id).optuna_id
            return read_outside_trials(connection, self._study_id, optuna_id, count)

    def confirmations(self) -> tuple[ConfirmationRun, ...]:
        """Return every recorded run of the confirmation."""
        with self._database.reading() as connection:
            return read_confirmations(connection, self._study_id)

    def record(self, events: Sequence[Event], *, results: StudyResults | None = None) -> None:
        """Write all events, and the results if given, in one transaction.

        A trial recorded again replaces its former record. StudyEnded ends the lease. Raises
        LeaseLost, and writes nothing, where this worker does not hold the study; InvalidInput for
        a complete trial without values; DatabaseAway, after which it may be called again.
        """
        if self._in_doubt:
            self._trials = self._writer()
            self._in_doubt = False
        now = datetime.now(UTC)
        records, columns, ended = reduce_events(events, now)
        confirmed = [r for e in events if isinstance(e, ConfirmationsMade) for r in e.runs]
        tested = next((e for e in reversed(events) if isinstance(e, TestsMade)), None)
        written = None
        with self._doubting(), self._database.writing() as connection:
            version = self._check_lease_and_bump_version(connection, columns)
            if records:
                written = self._trials.write(connection, records, version, now)
            write_confirmations(connection, self._study_id, confirmed)
            if tested is not None:
                write_tests(connection, self._study_id, tested)
            if results is not None:
                write_results(connection, self._study_id, results, now)
            if ended is not None and ended.is_finished:
                close_open_trials(connection, self._study_id, now, f"the study was {ended}")
        self._ended = ended
        if written is not None:
            self._trials.commit_cache(written)

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        try:
            yield
        except DatabaseAway:
            self._in_doubt = True
            raise

    def put_results(self, results: StudyResults) -> None:
        """Store the results by themselves; LeaseLost as in `record`.

        Allowed also after this recorder's StudyEnded, until another run of the study begins.
        """
        with self._database.writing() as connection:
            self._check_lease_and_bump_version(connection, {}, ended=self._ended)
            write_results(connection, self._study_id, results, datetime.now(UTC))

    def _check_lease_and_bump_version(
        self, connection: Connection, columns: dict[str, Any], *, ended: StudyState | None = None
    ) -> int:
        """Write the study's columns and return its new version; LeaseLost without the lease."""
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


def reduce_events(
    events: Sequence[Event], now: datetime
) -> tuple[list[TrialRecord], dict[str, Any], StudyState | None]:
    """Return the trials, the changed columns of the study, and its final state if it ended."""
    records: list[TrialRecord] = []
    columns: dict[str, Any] = {}
    ended: StudyState | None = None
    for event in events:
        match event:
            case TrialsChanged():
                records += event.trials
            case PhaseStarted():
                columns["phase"] = event.phase.value
            case ProgressMade():
                columns.update({name: getattr(event.progress, name) for name in _PROGRESS})
            case Noted():
                columns["note"] = event.note
            case StudyEnded():
                columns.update(end_columns(event.state, now), error=event.error)
                ended = event.state
    return records, columns, ended
