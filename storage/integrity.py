"""Whether a database is whole: pages, references, Optuna's rows against ours, blobs, counts.

Reads only. Each finding is a sentence about one study, since that is what a person can act on.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from optuna.trial import TrialState
from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError, OperationalError

from search.errors import SearchError
from search.study import StudyState
from storage.open_trials import NOT_FINISHED
from storage.optuna_schema import tables as optuna
from storage.rows.trial_rows import read_trial, select_trials
from storage.sql.database import Database
from storage.sql.tables import STUDIES, TRIALS

_FINISHED = tuple(state.name for state in TrialState if state.is_finished())


def find_faults(database: Database) -> tuple[str, ...]:
    """Return a sentence for every fault; none where the database is whole.

    The trials of a study that runs meanwhile are one moment of it like all the rest.
    """
    try:
        with database.reading() as connection:
            damaged = tuple(_damage(connection))
            # What else is read of a damaged file means nothing.
            return damaged or tuple(_faults(connection))
    except DatabaseError as error:
        # SQLite's word for a file of which it cannot read the first page even.
        if database.file is None or isinstance(error, OperationalError):
            raise
        return (f"the file is damaged: {error.orig}; restore a backup",)


def _damage(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        for found in connection.execute(text("PRAGMA integrity_check(20)")).scalars():
            if found != "ok":
                yield f"the file is damaged: {found}; restore a backup"


def _faults(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        for row in connection.execute(text("PRAGMA foreign_key_check")):
            yield f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there"
    yield from _studies_without_optuna(connection)
    yield from _trials_unlike_optuna(connection)
    yield from _trials_of_others(connection)
    for study_id, state in connection.execute(select(STUDIES.c.id, STUDIES.c.state)).all():
        yield from _of_study(connection, study_id, StudyState(state))


def _studies_without_optuna(connection: Connection) -> Iterator[str]:
    theirs = optuna.STUDIES.c
    query = (
        select(STUDIES.c.id, STUDIES.c.optuna_name, theirs.study_name)
        .outerjoin(optuna.STUDIES, theirs.study_id == STUDIES.c.optuna_id)
        .where(or_(theirs.study_id.is_(None), theirs.study_name != STUDIES.c.optuna_name))
    )
    for study_id, ours, name in connection.execute(query):
        yield (
            f"study '{study_id}' has no study of Optuna, which somebody has deleted"
            if name is None
            else f"study '{study_id}' is '{ours}' here and '{name}' in Optuna's table"
        )


def _trials_unlike_optuna(connection: Connection) -> Iterator[str]:
    theirs, values = optuna.TRIALS.c, optuna.VALUES.c
    differences = case(
        (theirs.trial_id.is_(None), "is missing in Optuna's tables"),
        (theirs.study_id != STUDIES.c.optuna_id, "belongs to another study of Optuna"),
        (
            and_(theirs.number != TRIALS.c.number, not_(_is_after_others())),
            "has another number in Optuna's table",
        ),
        # An enumeration there, stored by name.
        (cast(theirs.state, String) != TRIALS.c.state, "is in another state in Optuna's table"),
        (values.value != TRIALS.c.value, "has another value in Optuna's table"),
        (
            # Of a pruned trial Optuna keeps the last score as its value.
            and_(
                values.value.is_not(None),
                TRIALS.c.value.is_(None),
                TRIALS.c.state == TrialState.COMPLETE.name,
            ),
            "has a value in Optuna's table alone",
        ),
    ).label("difference")
    query = (
        select(TRIALS.c.study_id, TRIALS.c.number, differences)
        .join(STUDIES, STUDIES.c.id == TRIALS.c.study_id)
        .outerjoin(optuna.TRIALS, theirs.trial_id == TRIALS.c.trial_id)
        .outerjoin(optuna.VALUES, and_(values.trial_id == TRIALS.c.trial_id, values.objective == 0))
        .where(differences.is_not(None))
    )
    for study_id, number, difference in connection.execute(query):
        yield f"trial {number} of study '{study_id}' {difference}"


def _is_after_others() -> ColumnElement[bool]:
    """Whether others have added trials before one of ours, which is numbered past them then."""
    earlier, ours = optuna.TRIALS.alias(), TRIALS.alias()
    is_ours = exists().where(ours.c.trial_id == earlier.c.trial_id)
    return exists().where(
        earlier.c.study_id == optuna.TRIALS.c.study_id,
        earlier.c.trial_id < optuna.TRIALS.c.trial_id,
        not_(is_ours),
    )


def _trials_of_others(connection: Connection) -> Iterator[str]:
    theirs = optuna.TRIALS.c
    query = (
        select(STUDIES.c.id, func.count())
        .join(optuna.TRIALS, theirs.study_id == STUDIES.c.optuna_id)
        .outerjoin(TRIALS, TRIALS.c.trial_id == theirs.trial_id)
        .where(TRIALS.c.trial_id.is_(None))
        .group_by(STUDIES.c.id)
    )
    for study_id, count in connection.execute(query):
        yield f"Optuna has {count} trials of study '{study_id}' that this service did not record"


def _of_study(connection: Connection, study_id: str, state: StudyState) -> Iterator[str]:
    ours = TRIALS.c.study_id == study_id
    finished = func.count().filter(TRIALS.c.state.in_(_FINISHED))
    closed = func.count().filter(TRIALS.c.error.startswith(NOT_FINISHED))
    query = select(func.count(), func.max(TRIALS.c.number), finished, closed).where(ours)
    count, last, done, unfinished = connection.execute(query).one()
    if count and last != count - 1:
        yield f"study '{study_id}' has {count} trials, and the last one is number {last}"
    columns = select(STUDIES.c.trials_finished).where(STUDIES.c.id == study_id)
    told = connection.execute(columns).scalar_one()
    # A running study's numbers are written now and then, and release 0.1.0 did not count trials
    # that were closed with their study.
    if state.is_finished and told not in (done, done - unfinished):
        yield f"study '{study_id}' tells of {told} finished trials and has {done}"
    params = (
        select(optuna.PARAMS.c.trial_id, func.count().label("number"))
        .join(TRIALS, TRIALS.c.trial_id == optuna.PARAMS.c.trial_id)
        .where(ours)
        .group_by(optuna.PARAMS.c.trial_id)
    )
    theirs = {row.trial_id: row.number for row in connection.execute(params)}
    for row in connection.execute(select_trials(study_id, whole=True)):
        # Of those of our own with one possible value Optuna has none.
        if len(json.loads(row.distributions)) != theirs.get(row.trial_id, 0):
            yield f"trial {row.number} of study '{study_id}' has other parameters in Optuna's table"
        try:
            read_trial(row)
        except (SearchError, ValueError, LookupError, TypeError, struct.error) as error:
            yield f"trial {row.number} of study '{study_id}' cannot be read: {error}"
