"""Studies as their owner sees them: create, find, pause, cancel, finish, extend, delete.

Only a worker moves a study into and out of `running` (see `queue` and `recorder`); a request to
stop a running study, or to try a configuration, is stored until the worker polls `control`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from search.errors import Conflict, LimitReached, NotFound
from search.study import (
    Control,
    ParamValue,
    Phase,
    Stop,
    StudySpec,
    StudyState,
    TrialRequest,
)
from storage.idempotency import RequestKey
from storage.leases import end_columns, is_held
from storage.open_trials import close_open_trials
from storage.optuna_schema import studies as optuna_studies
from storage.outside_trials import count_outside_trials
from storage.rows.spec_json import write_spec
from storage.rows.study_rows import StudyRow, get_study, read_study
from storage.sql import clock, ids
from storage.sql.database import Database
from storage.sql.pagination import Page, check_limit, read_cursor, write_cursor
from storage.sql.tables import DATASETS, REQUESTS, STUDIES, TRIALS


class Studies:
    """The studies of one database."""

    def __init__(
        self,
        database: Database,
        *,
        most_queued: int | None = None,
        lease_seconds: float | None = None,
    ) -> None:
        """With `most_queued`, LimitReached is raised where more would wait for a worker.

        With `lease_seconds`, a lease that ends further ahead does not hold a study.
        """
        self._database = database
        self._lease_seconds = lease_seconds
        self._most_queued = most_queued

    def create(
        self,
        spec: StudySpec,
        *,
        directions: Sequence[str],
        metric_names: Sequence[str],
        idempotency_key: str | None = None,
        client: str | None = None,
    ) -> StudyRow:
        """Queue a study of `client`, and create the Optuna study that will hold its trials.

        The same key with the same spec returns the study created first; Conflict for the same key
        with another spec. NotFound for an uploaded dataset that does not exist.
        """
        key = None
        if idempotency_key is not None:
            key = RequestKey.of(idempotency_key, spec, directions, metric_names)
        try:
            with self._database.writing() as connection:
                first = None if key is None else key.find(connection)
                if first is not None:
                    return get_study(connection, first)
                self._check_queue(connection)
                row = _insert(connection, spec, directions, metric_names, client)
                if key is not None:
                    key.record(connection, row.id, row.created_at)
                return row
        except IntegrityError:
            # PostgreSQL only: another process has just used the key.
            with self._database.reading() as connection:
                first = None if key is None else key.find(connection)
                if first is None:
                    raise
                return get_study(connection, first)

    def get(self, study_id: str) -> StudyRow:
        """Return the study; NotFound where there is none."""
        with self._database.reading() as connection:
            return get_study(connection, study_id)

    def by_optuna_id(self, optuna_id: int) -> StudyRow:
        """Return the study whose trials Optuna keeps under this id; NotFound where there is none.

        An Optuna study that is not of this service has none.
        """
        query = select(STUDIES).where(STUDIES.c.optuna_id == optuna_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("study", str(optuna_id))
        return read_study(row)

    def list(
        self, state: StudyState | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[StudyRow]:
        """Return studies, newest first."""
        query = select(STUDIES).order_by(STUDIES.c.sequence.desc()).limit(check_limit(limit) + 1)
        if state is not None:
            query = query.where(STUDIES.c.state == str(state))
        if cursor is not None:
            (before,) = read_cursor(cursor, int)
            query = query.where(STUDIES.c.sequence < before)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return Page(
            items=tuple(read_study(row) for row in rows[:limit]),
            next_cursor=write_cursor(rows[limit - 1].sequence) if len(rows) > limit else None,
        )

    def pause(self, study_id: str) -> StudyRow:
        """Pause a queued study at once, a running one at its next rung; else Conflict."""
        return self._stop(study_id, Stop.PAUSE, StudyState.PAUSED)

    def cancel(self, study_id: str) -> StudyRow:
        """Cancel a waiting study at once, a running one at its next rung; else Conflict."""
        return self._stop(study_id, Stop.CANCEL, StudyState.CANCELLED)

    def resume(self, study_id: str) -> StudyRow:
        """Queue a paused study again, or withdraw a pause not yet in effect; else Conflict."""
        with self._database.writing() as connection:
            row = get_study(connection, study_id, for_update=True)
            if row.state is StudyState.PAUSED:
                self._check_queue(connection)
                return _change(connection, study_id, **_queued())
            if row.state is StudyState.RUNNING and row.stop is Stop.PAUSE:
                return _change(connection, study_id, stop=None)
            raise Conflict(
                f"study '{study_id}' is {_describe(row)}; only a paused study can be resumed"
            )

    def extend(self, study_id: str, grow: Callable[[StudyRow], StudySpec]) -> StudyRow:
        """Queue a completed or cancelled study again with the spec that `grow` returns.

        Conflict in any other state; an error raised by `grow` leaves the study as it was.
        """
        with self._database.writing() as connection:
            row = get_study(connection, study_id, for_update=True)
            if row.state not in (StudyState.COMPLETED, StudyState.CANCELLED):
                raise Conflict(
                    f"study '{study_id}' is {_describe(row)}; only a completed or cancelled study "
                    "can be extended"
                )
            if not _has_dataset(connection, row.dataset):
                raise Conflict(
                    f"the dataset '{row.dataset}' of study '{study_id}' was deleted; upload it "
                    "again and create a new study"
                )
            grown = grow(row)
            self._check_queue(connection)
            recorded = select(func.count()).where(TRIALS.c.study_id == study_id)
            spec = replace(
                grown,
                history=connection.execute(recorded).scalar_one(),
                outside=count_outside_trials(connection, study_id, row.optuna_id),
            )
            return _change(
                connection,
                study_id,
                **_queued(),
                phase=None,
                spec=write_spec(spec),
                trials_total=max(spec.budget.trials, row.progress.trials_finished),
                finished_at=None,
                finish_at=None,
                note=None,
            )

    def finish(self, study_id: str) -> StudyRow:
        """End the search at its next rung and go on to the confirmation; else Conflict."""
        with self._database.writing() as connection:
            row = get_study(connection, study_id, for_update=True)
            if row.state.is_finished or row.stop is Stop.CANCEL:
                raise Conflict(
                    f"study '{study_id}' is {_describe(row)}; only a search under way can be ended"
                )
            if row.phase in (Phase.CONFIRM, Phase.TEST):
                raise Conflict(
                    f"the search of study '{study_id}' is over (phase {row.phase}); nothing is "
                    "left to end"
                )
            if row.progress.best_value is None:
                raise Conflict(
                    f"study '{study_id}' has no complete trial yet that could be confirmed; wait "
                    "for one, or cancel the study"
                )
            return _change(connection, study_id, finish_at=datetime.now(UTC))

    def delete(self, study_id: str) -> None:
        """Remove the study with its trials, results and requests; Conflict while it runs."""
        with self._database.writing() as connection:
            row = get_study(connection, study_id, for_update=True)
            if row.state is StudyState.RUNNING:
                raise Conflict(
                    f"study '{study_id}' is running; cancel it, wait until it has stopped, "
                    "then delete it"
                )
            optuna_studies.delete(connection, row.optuna_id)
            connection.execute(delete(STUDIES).where(STUDIES.c.id == study_id))

    def add_request(self, study_id: str, params: Mapping[str, ParamValue]) -> TrialRequest:
        """Store a request to try one configuration; Conflict where the search is over."""
        with self._database.writing() as connection:
            row = get_study(connection, study_id, for_update=True)
            if row.state.is_finished or row.stop is Stop.CANCEL:
                raise Conflict(
                    f"study '{study_id}' is {_describe(row)} and takes no more trials; "
                    "extend it, or create a new study"
                )
            if row.phase in (Phase.CONFIRM, Phase.TEST):
                raise Conflict(
                    f"the search of study '{study_id}' is over (phase {row.phase}) and takes no "
                    "more trials; extend the study once it has completed"
                )
            request = TrialRequest(id=ids.new_id(ids.REQUEST), params=dict(params))
            connection.execute(
                insert(REQUESTS).values(
                    id=request.id,
                    study_id=study_id,
                    params=json.dumps(request.params),
                    created_at=datetime.now(UTC),
                )
            )
            return request

    def control(self, study_id: str) -> Control:
        """Return the pending requests to the worker; cheap enough to poll between rungs.

        A request is open until a trial with its id has been recorded.
        """
        open_requests = and_(REQUESTS.c.study_id == STUDIES.c.id, REQUESTS.c.trial_number.is_(None))
        query = (
            select(STUDIES.c.stop, STUDIES.c.finish_at, REQUESTS.c.id, REQUESTS.c.params)
            .outerjoin(REQUESTS, open_requests)
            .where(STUDIES.c.id == study_id)
            .order_by(REQUESTS.c.sequence)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            raise NotFound("study", study_id)
        stop = rows[0].stop
        return Control(
            stop=None if stop is None else Stop(stop),
            finish=rows[0].finish_at is not None,
            requests=tuple(
                TrialRequest(id=row.id, params=json.loads(row.params))
                for row in rows
                if row.id is not None
            ),
        )

    def _check_queue(self, connection: Connection) -> None:
        """Raise LimitReached where as many studies wait for a worker as may."""
        if self._most_queued is None:
            return
        query = select(func.count()).where(STUDIES.c.state == StudyState.QUEUED.value)
        queued = connection.execute(query).scalar_one()
        if queued >= self._most_queued:
            raise LimitReached(
                f"{queued} studies are queued, which is the limit; wait until some have run, "
                "cancel some, or raise ACTIVATION_SEARCH_MAX_QUEUED_STUDIES"
            )

    def _stop(self, study_id: str, stop: Stop, end: StudyState) -> StudyRow:
        with self._database.writing() as connection:
            now = clock.now(connection)
            row = get_study(connection, study_id, for_update=True)
            if row.state.is_finished or row.state is end:
                raise Conflict(f"study '{study_id}' is {_describe(row)}; nothing is left to {stop}")
            if row.stop is Stop.CANCEL and stop is Stop.PAUSE:
                raise Conflict(f"study '{study_id}' is being cancelled and cannot be paused")
            if row.state is StudyState.RUNNING and self._is_leased(connection, study_id, now):
                return row if row.stop is stop else _change(connection, study_id, stop=stop.value)
            # No worker holds it. One whose lease ran out and that still trains gets LeaseLost.
            if end.is_finished:
                close_open_trials(connection, study_id, now, f"the study was {end}")
            return _change(connection, study_id, **end_columns(end, now))

    def _is_leased(self, connection: Connection, study_id: str, now: datetime) -> bool:
        held = is_held(now, self._lease_seconds)
        query = select(STUDIES.c.id).where(STUDIES.c.id == study_id, held)
        return connection.execute(query).one_or_none() is not None


def _insert(
    connection: Connection,
    spec: StudySpec,
    directions: Sequence[str],
    metric_names: Sequence[str],
    client: str | None,
) -> StudyRow:
    if not _has_dataset(connection, spec.dataset):
        raise NotFound("dataset", spec.dataset)
    study_id = ids.new_id(ids.STUDY)
    name = spec.name or _default_name(connection, spec.dataset)
    optuna_name = optuna_studies.name_of(name, study_id)
    optuna_id = optuna_studies.create(
        connection,
        optuna_name,
        directions=directions,
        metric_names=metric_names,
        user_attributes={"study_id": study_id, "dataset": spec.dataset},
    )
    row = connection.execute(
        insert(STUDIES)
        .values(
            id=study_id,
            name=name,
            dataset=spec.dataset,
            spec=write_spec(spec),
            directions=json.dumps(list(directions)),
            metric_names=json.dumps(list(metric_names)),
            **_queued(),
            version=1,
            created_at=datetime.now(UTC),
            trials_total=spec.budget.trials,
            trials_finished=0,
            trials_pruned=0,
            trials_failed=0,
            trials_running=0,
            confirmations_total=0,
            confirmations_finished=0,
            optuna_id=optuna_id,
            optuna_name=optuna_name,
            crashes=0,
            finished_at_claim=0,
            client=client,
        )
        .returning(*STUDIES.c)
    ).one()
    return read_study(row)


def _queued() -> dict[str, Any]:
    return {"state": StudyState.QUEUED.value, "queued_at": datetime.now(UTC)}


def _default_name(connection: Connection, dataset: str) -> str:
    """Return a name for people of a study of `dataset` that was given none."""
    query = select(DATASETS.c.name).where(DATASETS.c.id == dataset)
    name = connection.execute(query).scalar_one_or_none() or dataset
    return f"{name}, which activation?"


def _has_dataset(connection: Connection, dataset: str) -> bool:
    """Return whether the dataset exists; built-in ones always do."""
    if not dataset.startswith(f"{ids.DATASET}_"):
        return True
    query = select(DATASETS.c.id).where(DATASETS.c.id == dataset)
    # Locked until the study is recorded, so that on PostgreSQL no other process deletes it before.
    return connection.execute(query.with_for_update(read=True)).one_or_none() is not None


def _change(connection: Connection, study_id: str, **columns: object) -> StudyRow:
    row = connection.execute(
        update(STUDIES)
        .where(STUDIES.c.id == study_id)
        .values(version=STUDIES.c.version + 1, **columns)
        .returning(*STUDIES.c)
    ).one()
    return read_study(row)


def _describe(row: StudyRow) -> str:
    return f"{row.state}, about to {row.stop}" if row.stop else str(row.state)
