"""What others do to a study in Optuna's tables while the service has it: trials added, all deleted.

Optuna numbers the trials of a study by how many there are. Where others have added some, ours are
numbered past them there, so that no number stands twice; here they keep their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from search.errors import Conflict
from storage.optuna_schema.tables import STUDIES as OPTUNA_STUDIES
from storage.optuna_schema.tables import TRIALS as OPTUNA_TRIALS
from storage.sql.tables import TRIALS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The trials of others in one study, as far as they have been seen."""

    #: How many there are.
    count: int
    #: Greatest id of a trial of the study, ours included.
    last_id: int


def read_outside(connection: Connection, study_id: str, optuna_id: int) -> Outside:
    """Return what others have added to a study until now."""
    theirs = OPTUNA_TRIALS.c
    query = select(func.count(), func.max(theirs.trial_id)).where(theirs.study_id == optuna_id)
    together, last_id = connection.execute(query).one()
    ours = connection.execute(
        select(func.count())
        .select_from(TRIALS)
        .join(OPTUNA_TRIALS, theirs.trial_id == TRIALS.c.trial_id)
        .where(TRIALS.c.study_id == study_id)
    ).scalar_one()
    return Outside(count=together - ours, last_id=last_id or 0)


def see_more(connection: Connection, optuna_id: int, seen: Outside) -> Outside:
    """Return what others have added, given what was seen when we wrote last.

    Raises Conflict where the study is gone from Optuna's tables: nothing can be recorded then.
    """
    theirs = OPTUNA_TRIALS.c
    newer = and_(theirs.study_id == OPTUNA_STUDIES.c.study_id, theirs.trial_id > seen.last_id)
    query = (
        select(func.count(theirs.trial_id), func.max(theirs.trial_id))
        .select_from(OPTUNA_STUDIES)
        .outerjoin(OPTUNA_TRIALS, newer)
        .where(OPTUNA_STUDIES.c.study_id == optuna_id)
        .group_by(OPTUNA_STUDIES.c.study_id)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise Conflict(
            "the study was deleted from Optuna's tables by another program (optuna.delete_study, "
            "or the dashboard), and nothing more can be recorded; create the study again, and "
            "delete studies by this service alone"
        )
    more, last_id = found
    return Outside(count=seen.count + more, last_id=last_id or seen.last_id)
