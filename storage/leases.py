"""Leases: the statements that check who holds a running study as they write to it.

A worker holds a study while the study is running and its `worker_id` is the worker's. A lease that
has run out changes nothing until another worker claims the study.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Update, update

from search.errors import LeaseLost
from search.study import StudyState
from storage.sql.tables import STUDIES


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
