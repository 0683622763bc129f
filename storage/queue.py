"""The queue: workers claim studies under leases and record their heartbeats.

A claim is one transaction, one at a time, so two workers never hold the same study. Studies whose
worker was lost come first; then clients take turns, the one whose last turn is longest ago first,
and each gets its oldest study. A client is the name of a key; all who have none are one client.

A worker renews its lease; once the lease has run out any worker may claim the study, and from then
on every write of the former holder is refused (LeaseLost). Times are those of the database, and a
time that cannot be is not believed (see `leases`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from search.study import Phase, Stop, StudyState
from storage.leases import (
    Lease,
    Sightings,
    end_columns,
    is_beating,
    is_believable,
    is_one_of,
    lease_lost,
    update_as_holder,
)
from storage.measurements import Measurements
from storage.open_trials import close_open_trials
from storage.rows.study_rows import StudyRow, get_study, read_study
from storage.sql import clock
from storage.sql.database import Database
from storage.sql.tables import CONFIRMATIONS, STUDIES, TRIALS, TURNS, WORKERS, UtcDateTime
from storage.sql.upsert import upsert

#: A study that kills this many workers in a row, with nothing finished between, fails. Fewer would
#: blame studies for what befell their workers: of 200 workers killed within seconds of their claim,
#: with three allowed, every third study failed.
MAX_CRASHES = 5

#: An arbitrary number, the same in every process of every version.
_CLAIM_LOCK = 0x61637471

_STOPPED = {Stop.PAUSE: StudyState.PAUSED, Stop.CANCEL: StudyState.CANCELLED}

_FINISHED = tuple(state.name for state in TrialState if state.is_finished())
#: Finished trials and runs of the confirmation.
_DONE = (
    select(func.count())
    .select_from(TRIALS)
    .where(TRIALS.c.study_id == STUDIES.c.id, TRIALS.c.state.in_(_FINISHED))
    .correlate(STUDIES)
    .scalar_subquery()
) + (
    select(func.count())
    .select_from(CONFIRMATIONS)
    .where(CONFIRMATIONS.c.study_id == STUDIES.c.id)
    .correlate(STUDIES)
    .scalar_subquery()
)
_CRASHED = (
    f"its worker was lost {MAX_CRASHES} times in a row without finishing anything; read the "
    "worker's log for the cause (often memory: try smaller widths or a smaller dataset), "
    "then create the study again"
)


class Queue:
    """The queue of studies of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sightings = Sightings()

    def claim(
        self, worker_id: str, lease_seconds: float, *, only: str | None = None
    ) -> StudyRow | None:
        """Claim the next study that is queued or whose lease has run out; None if there is none.

        With `only`, no other study than that. The study is then running, and held by this worker
        for `lease_seconds`. Safe across processes.
        """
        with self._database.reading() as connection:
            now = clock.now(connection)
            strange = connection.execute(_strange(now, lease_seconds))
            seen = [(row.id, row.lease_until) for row in strange]
            dead = self._sightings.unchanged(seen, lease_seconds)
            if connection.execute(_any(_is_claimable(now, lease_seconds, dead))).first() is None:
                return None  # an idle worker polls without taking any lock
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # Of two claims at once the second must see whose turn the first took.
                connection.execute(select(func.pg_advisory_xact_lock(_CLAIM_LOCK)))
            now = clock.now(connection)
            _fail_crashing(connection, now, _is_abandoned(now, lease_seconds, dead))
            # Passed over: studies that a request changes at this moment. SQLite, which has one
            # writer at a time, knows no such clause and leaves it out.
            claimable = _is_claimable(now, lease_seconds, dead)
            if only is not None:
                claimable = and_(claimable, STUDIES.c.id == only)
            query = _next(claimable).with_for_update(skip_locked=True, of=STUDIES)
            found = connection.execute(query).one_or_none()
            if found is None:
                return None
            if found.state == StudyState.QUEUED.value:
                _take_turn(connection, found.client)
            return read_study(
                connection.execute(_claim(found, worker_id, now, lease_seconds)).one()
            )

    def renew(self, study_id: str, worker_id: str, lease_seconds: float) -> None:
        """Extend the lease to `lease_seconds` from now; LeaseLost where the worker lacks it."""
        with self._database.writing() as connection:
            lease_until = clock.now(connection) + timedelta(seconds=lease_seconds)
            _as_holder(connection, study_id, worker_id, {"lease_until": lease_until})

    def release(self, study_id: str, worker_id: str) -> None:
        """Put a running study back into the queue, as a worker that is told to stop does.

        Its running trials stay as they are; the next worker trains them again. A requested pause
        or cancellation takes effect here, since no other worker may follow. LeaseLost where
        another worker holds the study.
        """
        with self._database.writing() as connection:
            query = select(STUDIES.c.stop).where(STUDIES.c.id == study_id).with_for_update()
            stop = connection.execute(query).scalar_one_or_none()
            if stop is not None:
                _end(connection, study_id, worker_id, _STOPPED[Stop(stop)], None)
                return
            columns = {
                "state": StudyState.QUEUED.value,
                "queued_at": datetime.now(UTC),
                "worker_id": None,
                "lease_until": None,
                "version": STUDIES.c.version + 1,
            }
            _as_holder(connection, study_id, worker_id, columns)

    def finish(
        self, study_id: str, worker_id: str, state: StudyState, error: str | None = None
    ) -> None:
        """End the run of the study: it is now completed, failed, cancelled or paused.

        Does nothing where a recorded StudyEnded has ended it already. LeaseLost where another
        worker holds the study, or somebody has resumed it since.
        """
        with self._database.writing() as connection:
            _end(connection, study_id, worker_id, state, error)

    def beat(self, worker_id: str, segments: Measurements | None = None) -> None:
        """Record a heartbeat of the worker, and how long its segments took so far."""
        with self._database.writing() as connection:
            now = clock.now(connection)
            upsert(
                connection,
                WORKERS,
                [
                    {
                        "id": worker_id,
                        "started_at": now,
                        "beat_at": now,
                        "segments": segments.stored() if segments and segments.count else None,
                    }
                ],
                key=["id"],
                update=["beat_at", "segments"],
            )

    def live_workers(self, within_seconds: float) -> tuple[str, ...]:
        """Return the ids of the workers whose last heartbeat is at most `within_seconds` old.

        One from as far in the future was written by another clock, and says nothing.
        """
        with self._database.reading() as connection:
            beats = is_beating(clock.now(connection), within_seconds)
            query = select(WORKERS.c.id).where(beats).order_by(WORKERS.c.id)
            return tuple(connection.execute(query).scalars())

    def places(self) -> dict[str, int]:
        """Return the place of each queued study: workers take the study at place 1 next."""
        client = func.coalesce(STUDIES.c.client, "")
        query = (
            select(STUDIES.c.id, client.label("client"), func.coalesce(TURNS.c.turn, 0))
            .outerjoin(TURNS, TURNS.c.client == client)
            .where(STUDIES.c.state == StudyState.QUEUED.value)
            .order_by(func.coalesce(TURNS.c.turn, 0), STUDIES.c.sequence)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        # Who has had a turn comes after all others: the second study of anyone, after all firsts.
        clients = list(dict.fromkeys(row.client for row in rows))
        rounds: Counter[str] = Counter()
        keys: dict[str, tuple[int, int]] = {}
        for row in rows:
            keys[row.id] = rounds[row.client], clients.index(row.client)
            rounds[row.client] += 1
        ordered = sorted(keys, key=keys.__getitem__)
        return {study_id: place for place, study_id in enumerate(ordered, start=1)}


def _as_holder(
    connection: Connection, study_id: str, worker_id: str, columns: dict[str, Any]
) -> None:
    statement = update_as_holder(study_id, worker_id).values(columns)
    if connection.execute(statement.returning(STUDIES.c.id)).one_or_none() is None:
        raise lease_lost(study_id, worker_id)


def _end(
    connection: Connection, study_id: str, worker_id: str, state: StudyState, error: str | None
) -> None:
    now = datetime.now(UTC)
    row = connection.execute(
        update_as_holder(study_id, worker_id)
        .values(**end_columns(state, now), error=error, version=STUDIES.c.version + 1)
        .returning(STUDIES.c.id)
    ).one_or_none()
    if row is None:
        if get_study(connection, study_id).state is not state:
            raise lease_lost(study_id, worker_id)
    elif state.is_finished:
        close_open_trials(connection, study_id, now, error or f"the study was {state}")


def _is_abandoned(
    now: datetime, lease_seconds: float, dead: Sequence[Lease]
) -> ColumnElement[bool]:
    ran_out = and_(STUDIES.c.lease_until < now, is_believable(now, lease_seconds))
    return and_(STUDIES.c.state == StudyState.RUNNING.value, or_(ran_out, is_one_of(dead)))


def _is_claimable(
    now: datetime, lease_seconds: float, dead: Sequence[Lease]
) -> ColumnElement[bool]:
    return or_(STUDIES.c.state == StudyState.QUEUED.value, _is_abandoned(now, lease_seconds, dead))


def _strange(now: datetime, lease_seconds: float) -> Select[tuple[str, datetime]]:
    return select(STUDIES.c.id, STUDIES.c.lease_until).where(
        STUDIES.c.state == StudyState.RUNNING.value,
        STUDIES.c.lease_until.is_not(None),
        not_(is_believable(now, lease_seconds)),
    )


def _any(is_claimable: ColumnElement[bool]) -> Select[tuple[int]]:
    return select(STUDIES.c.sequence).where(is_claimable).limit(1)


def _next(is_claimable: ColumnElement[bool]) -> Select[tuple[int, str, str]]:
    client = func.coalesce(STUDIES.c.client, "")
    return (
        select(STUDIES.c.sequence, STUDIES.c.state, client.label("client"))
        .outerjoin(TURNS, TURNS.c.client == client)
        .where(is_claimable)
        .order_by(
            case((STUDIES.c.state == StudyState.QUEUED.value, 1), else_=0),
            func.coalesce(TURNS.c.turn, 0),
            STUDIES.c.sequence,
        )
        .limit(1)
    )


def _take_turn(connection: Connection, client: str) -> None:
    """Put the client behind all others."""
    last = connection.execute(select(func.coalesce(func.max(TURNS.c.turn), 0))).scalar_one()
    row = {"client": client, "turn": last + 1}
    upsert(connection, TURNS, [row], key=["client"], update=["turn"])


def _claim(
    study: Row[tuple[int, str, str]], worker_id: str, now: datetime, lease_seconds: float
) -> ReturningUpdate[Any]:
    return (
        update(STUDIES)
        .where(STUDIES.c.sequence == study.sequence)
        .values(
            state=StudyState.RUNNING.value,
            phase=func.coalesce(STUDIES.c.phase, Phase.SEARCH.value),
            worker_id=worker_id,
            lease_until=now + timedelta(seconds=lease_seconds),
            # Typed, or PostgreSQL would take the time for one with a zone and convert it.
            started_at=func.coalesce(STUDIES.c.started_at, literal(now, UtcDateTime)),
            finished_at=None,
            error=None,
            version=STUDIES.c.version + 1,
            crashes=case(
                (STUDIES.c.state == StudyState.QUEUED.value, 0),
                (STUDIES.c.finished_at_claim < _DONE, 1),
                else_=STUDIES.c.crashes + 1,
            ),
            finished_at_claim=_DONE,
        )
        .returning(*STUDIES.c)
    )


def _fail_crashing(
    connection: Connection, now: datetime, is_abandoned: ColumnElement[bool]
) -> None:
    failed = connection.execute(
        update(STUDIES)
        .where(
            is_abandoned,
            STUDIES.c.crashes + 1 >= MAX_CRASHES,
            STUDIES.c.finished_at_claim >= _DONE,
        )
        .values(
            **end_columns(StudyState.FAILED, now),
            error=_CRASHED,
            crashes=STUDIES.c.crashes + 1,
            version=STUDIES.c.version + 1,
        )
        .returning(STUDIES.c.id)
    ).scalars()
    for study_id in failed.all():
        close_open_trials(connection, study_id, now, "the study failed")
