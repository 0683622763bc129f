"""A study as recorded, read from its row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from search.errors import NotFound
from search.study import Phase, Progress, Stop, StudySpec, StudyState
from storage.rows.spec_json import read_spec
from storage.sql.tables import STUDIES


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """A study as recorded."""

    id: str
    name: str
    state: StudyState
    #: None until a worker has begun.
    phase: Phase | None
    #: Name of a built-in dataset, or id of an uploaded one.
    dataset: str
    spec: StudySpec
    progress: Progress
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    #: A sentence that says why the study failed; None unless it did.
    error: str | None
    #: What a reader of the study has to know, a sentence; None where there is nothing.
    note: str | None
    #: Name and id of the Optuna study with the same trials.
    optuna_name: str
    optuna_id: int
    #: "minimize" or "maximize", and the metric, of each objective.
    directions: tuple[str, ...]
    metric_names: tuple[str, ...]
    #: A requested stop that the worker has not carried out yet.
    stop: Stop | None
    #: Grows with every change of the study, its trials or its results.
    version: int


def get_study(connection: Connection, study_id: str, *, for_update: bool = False) -> StudyRow:
    """Return the study within a transaction; NotFound where there is none."""
    query = select(STUDIES).where(STUDIES.c.id == study_id)
    row = connection.execute(query.with_for_update() if for_update else query).one_or_none()
    if row is None:
        raise NotFound("study", study_id)
    return read_study(row)


def require_study(connection: Connection, study_id: str) -> None:
    """Raise NotFound where there is no such study."""
    found = connection.execute(select(STUDIES.c.id).where(STUDIES.c.id == study_id))
    if found.one_or_none() is None:
        raise NotFound("study", study_id)


def read_study(row: Row[Any]) -> StudyRow:
    """Return the value of a row of `search_studies`."""
    return StudyRow(
        id=row.id,
        name=row.name,
        state=StudyState(row.state),
        phase=None if row.phase is None else Phase(row.phase),
        dataset=row.dataset,
        spec=read_spec(row.spec),
        progress=Progress(
            trials_total=row.trials_total,
            trials_finished=row.trials_finished,
            trials_pruned=row.trials_pruned,
            trials_failed=row.trials_failed,
            trials_running=row.trials_running,
            trials_per_second=row.trials_per_second,
            seconds_left=row.seconds_left,
            best_value=row.best_value,
            confirmations_total=row.confirmations_total,
            confirmations_finished=row.confirmations_finished,
        ),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=row.error,
        note=row.note,
        optuna_name=row.optuna_name,
        optuna_id=row.optuna_id,
        directions=tuple(json.loads(row.directions)),
        metric_names=tuple(json.loads(row.metric_names)),
        stop=None if row.stop is None else Stop(row.stop),
        version=row.version,
    )
