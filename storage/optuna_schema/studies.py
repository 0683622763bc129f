"""The Optuna study of each study: rows that its dashboard lists and `optuna.load_study` finds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from optuna.study import StudyDirection
from sqlalchemy import Connection, insert, select
from sqlalchemy import delete as sql_delete

from storage.optuna_schema.tables import (
    DIRECTIONS,
    METADATA,
    STUDIES,
    STUDY_SYSTEM_ATTRIBUTES,
    STUDY_USER_ATTRIBUTES,
    TRIALS,
)

NAME_LENGTH = 512
#: System attribute in which `Study.set_metric_names` stores the names.
_METRIC_NAMES = "study:metric_names"


def name_of(name: str, study_id: str) -> str:
    """Return `name` with the id added, unique and at most NAME_LENGTH characters long."""
    suffix = f" ({study_id})"
    return name[: NAME_LENGTH - len(suffix)] + suffix


def create(
    connection: Connection,
    name: str,
    *,
    directions: Sequence[str],
    metric_names: Sequence[str],
    user_attributes: Mapping[str, object],
) -> int:
    """Insert an Optuna study as `optuna.create_study` would; return Optuna's id."""
    optuna_id: int = connection.execute(
        insert(STUDIES).values(study_name=name).returning(STUDIES.c.study_id)
    ).scalar_one()
    connection.execute(
        insert(DIRECTIONS),
        [
            {
                "study_id": optuna_id,
                "objective": objective,
                "direction": StudyDirection[direction.upper()],
            }
            for objective, direction in enumerate(directions)
        ],
    )
    connection.execute(
        insert(STUDY_SYSTEM_ATTRIBUTES).values(
            study_id=optuna_id, key=_METRIC_NAMES, value_json=json.dumps(list(metric_names))
        )
    )
    connection.execute(
        insert(STUDY_USER_ATTRIBUTES),
        [
            {"study_id": optuna_id, "key": key, "value_json": json.dumps(value)}
            for key, value in user_attributes.items()
        ],
    )
    return optuna_id


def delete(connection: Connection, optuna_id: int) -> None:
    """Remove an Optuna study with every row that belongs to it."""
    trial_ids = select(TRIALS.c.trial_id).where(TRIALS.c.study_id == optuna_id)
    # Children before parents: Optuna declares its foreign keys without a cascade.
    for table in reversed(METADATA.sorted_tables):
        if "trial_id" in table.c and table is not TRIALS:
            connection.execute(sql_delete(table).where(table.c.trial_id.in_(trial_ids)))
    for table in reversed(METADATA.sorted_tables):
        if "study_id" in table.c:
            connection.execute(sql_delete(table).where(table.c.study_id == optuna_id))
