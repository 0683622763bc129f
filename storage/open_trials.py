"""Open trials, running or waiting, of a study that ends: each fails, and its error says why."""

from __future__ import annotations

from datetime import UTC, datetime

from optuna.trial import TrialState
from sqlalchemy import Connection, func, select, update

from storage.optuna_schema import tables as optuna_tables
from storage.sql.tables import STUDIES, TRIALS

#: How the error of such a trial begins.
NOT_FINISHED = "not finished: "
_OPEN = tuple(state.name for state in TrialState if not state.is_finished())


def close_open_trials(connection: Connection, study_id: str, now: datetime, reason: str) -> None:
    """Turn the study's running and waiting trials into failed ones, in both schemas."""
    is_open = (TRIALS.c.study_id == study_id) & TRIALS.c.state.in_(_OPEN)
    trial_ids = connection.execute(select(TRIALS.c.trial_id).where(is_open)).scalars().all()
    if not trial_ids:
        return
    optuna_trials = optuna_tables.TRIALS
    naive = now.astimezone(UTC).replace(tzinfo=None)
    connection.execute(
        update(optuna_trials)
        .where(optuna_trials.c.trial_id.in_(trial_ids))
        .values(
            state=TrialState.FAIL,
            datetime_start=func.coalesce(optuna_trials.c.datetime_start, naive),
            datetime_complete=naive,
        )
    )
    connection.execute(
        update(TRIALS)
        .where(is_open)
        .values(
            state=TrialState.FAIL.name,
            error=f"{NOT_FINISHED}{reason}",
            finished_at=now,
            version=select(STUDIES.c.version + 1).where(STUDIES.c.id == study_id).scalar_subquery(),
        )
    )
    connection.execute(
        update(STUDIES)
        .where(STUDIES.c.id == study_id)
        .values(
            trials_running=0,
            trials_finished=STUDIES.c.trials_finished + len(trial_ids),
            trials_failed=STUDIES.c.trials_failed + len(trial_ids),
        )
    )
