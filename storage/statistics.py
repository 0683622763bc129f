"""The state of the whole database in numbers, read at once: for those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from search.study import StudyState
from storage.leases import is_beating
from storage.measurements import SEGMENT_BOUNDS, Measurements
from storage.sql import clock
from storage.sql.database import Database
from storage.sql.tables import STUDIES, WORKERS


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """How much there is, waits and works."""

    #: Studies by state; states without any are absent.
    studies: Mapping[str, int]
    #: Trials of all studies by the states `running`, `complete`, `pruned` and `failed`.
    trials: Mapping[str, int]
    #: Seconds for which the study that waits longest has waited; 0 without one.
    queue_age_seconds: float
    #: Workers whose last sign of life is recent.
    workers: int
    #: Seconds of segments, of all workers there have been.
    segments: Measurements

    @property
    def queued(self) -> int:
        """Studies that wait for a worker."""
        return self.studies.get(StudyState.QUEUED.value, 0)


class Statistics:
    """Reads the state of one database; the cost grows with studies and workers, not trials."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, lease_seconds: float) -> DatabaseState:
        """Return the state now; a worker silent for `lease_seconds` does not count."""
        columns = STUDIES.c
        by_state = select(columns.state, func.count().label("number")).group_by(columns.state)
        waiting = select(func.min(func.coalesce(columns.queued_at, columns.created_at))).where(
            columns.state == StudyState.QUEUED.value
        )
        trials = select(
            func.coalesce(func.sum(columns.trials_running), 0).label("running"),
            func.coalesce(
                func.sum(columns.trials_finished - columns.trials_pruned - columns.trials_failed), 0
            ).label("complete"),
            func.coalesce(func.sum(columns.trials_pruned), 0).label("pruned"),
            func.coalesce(func.sum(columns.trials_failed), 0).label("failed"),
        )
        segments = Measurements(SEGMENT_BOUNDS)
        with self._database.reading() as connection:
            studies = {row.state: row.number for row in connection.execute(by_state)}
            oldest: datetime | None = connection.execute(waiting).scalar_one()
            counted = connection.execute(trials).one()._mapping
            now = clock.now(connection)
            beats = is_beating(now, lease_seconds)
            alive = select(func.count()).select_from(WORKERS).where(beats)
            workers = connection.execute(alive).scalar_one()
            stored = select(WORKERS.c.segments).where(WORKERS.c.segments.is_not(None))
            for text in connection.execute(stored).scalars():
                segments.add_stored(text)
        return DatabaseState(
            studies=studies,
            trials={name: int(count) for name, count in counted.items()},
            queue_age_seconds=0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
            workers=workers,
            segments=segments,
        )
