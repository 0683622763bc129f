"""What others do to a study in Optuna's tables while the service has it: trials added, all deleted.

Optuna numbers the trials of a study by how many there are. Where others have added some, ours are
numbered past them there, so that no number stands twice; here they keep their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from optuna.distributions import json_to_distribution
from sqlalchemy import Connection, Select, and_, func, select

from search.errors import Conflict
from search.study import OutsideTrial, ParamValue
from storage.optuna_schema.tables import PARAMS, VALUES, decode_value
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


def read_outside_trials(
    connection: Connection, study_id: str, optuna_id: int, count: int
) -> tuple[OutsideTrial, ...]:
    """Return the first `count` complete trials of others in one study, in order of their ids."""
    theirs = OPTUNA_TRIALS.c
    chosen = _complete(study_id, optuna_id).order_by(theirs.trial_id).limit(count)
    ids = [row.trial_id for row in connection.execute(chosen)]
    params: dict[int, dict[str, ParamValue]] = {trial: {} for trial in ids}
    values: dict[int, list[float]] = {trial: [] for trial in ids}
    of_them = select(PARAMS).where(PARAMS.c.trial_id.in_(ids)).order_by(PARAMS.c.param_id)
    for row in connection.execute(of_them):
        distribution = json_to_distribution(row.distribution_json)
        params[row.trial_id][row.param_name] = distribution.to_external_repr(row.param_value)
    found = select(VALUES).where(VALUES.c.trial_id.in_(ids)).order_by(VALUES.c.objective)
    for row in connection.execute(found):
        values[row.trial_id].append(decode_value(row.value, row.value_type))
    return tuple(OutsideTrial(params=params[n], values=tuple(values[n])) for n in ids)


def count_outside_trials(connection: Connection, study_id: str, optuna_id: int) -> int:
    """Return how many complete trials others have added to one study."""
    query = select(func.count()).select_from(_complete(study_id, optuna_id).subquery())
    return int(connection.execute(query).scalar_one())


def _complete(study_id: str, optuna_id: int) -> Select[tuple[int]]:
    """Select the ids of the complete trials of a study that are not ours."""
    theirs = OPTUNA_TRIALS.c
    ours = select(TRIALS.c.trial_id).where(TRIALS.c.study_id == study_id)
    return select(theirs.trial_id).where(
        theirs.study_id == optuna_id, theirs.state == "COMPLETE", theirs.trial_id.not_in(ours)
    )


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
