"""Leases: who holds a running study, and the statements that check that as they write to it.

A worker holds a study while the study is running and its `worker_id` is the worker's. A lease that
has run out changes nothing until another worker claims the study.

A lease that ends further ahead than one lease, or that ended long ago, may have been written while
a clock was wrong. It is not believed: its study counts as held as long as its lease changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, or_, update

from search.errors import LeaseLost
from search.study import StudyState
from storage.sql.tables import STUDIES, WORKERS

#: A lease is renewed at least this often in the time that it lasts; here for very short ones.
_LEAST_S = 1.0
#: Leases for which one that ran out is believed to have done so.
_RECENT = 2


def is_believable(now: datetime, lease_seconds: float) -> ColumnElement[bool]:
    """Whether a lease of so many seconds can have been written by a clock like this one."""
    seconds = max(lease_seconds, _LEAST_S)
    return STUDIES.c.lease_until.between(
        now - timedelta(seconds=_RECENT * max(seconds, 10 * _LEAST_S)),
        now + timedelta(seconds=seconds),
    )


def is_held(now: datetime, lease_seconds: float | None) -> ColumnElement[bool]:
    """Whether a running study has a lease that lasts, and is believed if its length is known."""
    lasts = STUDIES.c.lease_until > now
    return lasts if lease_seconds is None else and_(lasts, is_believable(now, lease_seconds))


#: A study and the end of its lease.
Lease = tuple[str, datetime]


def is_beating(now: datetime, within_seconds: float) -> ColumnElement[bool]:
    """Whether a worker's last heartbeat is at most `within_seconds` away from now."""
    span = timedelta(seconds=within_seconds)
    return WORKERS.c.beat_at.between(now - span, now + span)


class Sightings:
    """Leases that are not believed, and since when each has been seen without a change."""

    def __init__(self) -> None:
        self._since: dict[Lease, float] = {}

    def unchanged(self, leases: Iterable[Lease], lease_seconds: float) -> list[Lease]:
        """Return those of `leases`, all that there are now, that have not changed for a lease."""
        now = monotonic()
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        longest = max(lease_seconds, _LEAST_S)
        return [lease for lease, since in self._since.items() if now - since >= longest]


def is_one_of(leases: Iterable[Lease]) -> ColumnElement[bool]:
    """Whether a study still has the very lease that was seen."""
    return or_(
        STUDIES.c.id.in_([]),
        *(and_(STUDIES.c.id == study, STUDIES.c.lease_until == end) for study, end in leases),
    )


def update_as_holder(study_id: str, worker_id: str) -> Update:
    """Return an update that touches the study only where `worker_id` holds it."""
    return update(STUDIES).where(
        STUDIES.c.id == study_id,
        STUDIES.c.worker_id == worker_id,
        STUDIES.c.state == StudyState.RUNNING.value,
    )


def update_after_end(study_id: str, state: StudyState) -> Update:
    """Return an update that touches the study only if no worker has claimed it since its end."""
    return update(STUDIES).where(
        STUDIES.c.id == study_id, STUDIES.c.worker_id.is_(None), STUDIES.c.state == state.value
    )


def end_columns(state: StudyState, now: datetime) -> dict[str, Any]:
    """Return the columns of a study whose run ends in `state`; ValueError for an unfinished one."""
    if not state.is_finished and state is not StudyState.PAUSED:
        raise ValueError(f"a run cannot end as '{state}'; only finished or paused")
    return {
        "state": state.value,
        "stop": None,
        "worker_id": None,
        "lease_until": None,
        "seconds_left": None,
        "finished_at": now if state.is_finished else None,
    }


def lease_lost(study_id: str, worker_id: str) -> LeaseLost:
    """Return the error for a worker that writes to a study held by none or by another."""
    return LeaseLost(
        f"worker '{worker_id}' does not hold study '{study_id}' any more: it has ended, was "
        "paused or was taken over by another worker; stop working on it"
    )
