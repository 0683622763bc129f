"""Trials to read: one with its curves, or a page of many in the order of a sortable column."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import ColumnElement, and_, or_, select

from search.errors import InvalidInput, NotFound, UnknownChoice
from search.study import TrialRecord
from storage.rows.study_rows import require_study
from storage.rows.trial_rows import read_trial, select_trials
from storage.sql.database import Database
from storage.sql.pagination import Page, bad_cursor, check_limit, read_cursor, write_cursor
from storage.sql.tables import TRIALS

_SORTABLE = ("number", "value", "started_at", "finished_at", "fit_seconds", "parameters")
#: Type of a sortable column -> types of its sort keys in a cursor.
_KEYS: dict[type, type | tuple[type, ...]] = {int: int, float: (int, float), datetime: str}
#: Values of `order`; a minus sign means descending. Trials that lack the column come last.
ORDERS: tuple[str, ...] = tuple(f"{sign}{name}" for name in _SORTABLE for sign in ("", "-"))


class Trials:
    """The trials of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, study_id: str, number: int) -> TrialRecord:
        """Return one trial, with its curves; NotFound for an unknown study or trial."""
        query = select_trials(study_id, whole=True).where(TRIALS.c.number == number)
        with self._database.reading() as connection:
            require_study(connection, study_id)
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("trial", number)
        return read_trial(row)

    def list(
        self,
        study_id: str,
        *,
        state: TrialState | None = None,
        activation: str | None = None,
        order: str = "number",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[TrialRecord]:
        """Return trials without their curves, layers and findings, which only `get` reads.

        `order` is one of ORDERS; UnknownChoice otherwise. NotFound for an unknown study.
        """
        if order not in ORDERS:
            raise UnknownChoice("order", order, ORDERS, pointer="/order")
        column = TRIALS.c[order.removeprefix("-")]
        descending = order.startswith("-")
        query = (
            select_trials(study_id, whole=False)
            .order_by(
                column.is_(None),
                column.desc() if descending else column,
                TRIALS.c.number,
            )
            .limit(check_limit(limit) + 1)
        )
        if state is not None:
            query = query.where(TRIALS.c.state == state.name)
        if activation is not None:
            query = query.where(TRIALS.c.activation == activation)
        if cursor is not None:
            query = query.where(_after(cursor, order, column, descending))
        with self._database.reading() as connection:
            require_study(connection, study_id)
            rows = connection.execute(query).all()
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=tuple(read_trial(row) for row in rows[:limit]),
            next_cursor=None
            if last is None
            else write_cursor(order, _to_key(last._mapping[column.name]), last.number),
        )

    def changed_since(
        self, study_id: str, version: int, limit: int = 1000
    ) -> tuple[TrialRecord, ...]:
        """Return trials that changed after the study had `version`, oldest change first.

        Their curves, layers and findings are left out. The result may be longer than `limit`: the
        trials of one transaction share a version and stay together, so that reading on from the
        version of the last one misses none.
        """
        changed = (TRIALS.c.study_id == study_id) & (TRIALS.c.version > version)
        last = (
            select(TRIALS.c.version)
            .where(changed)
            .order_by(TRIALS.c.version)
            .offset(check_limit(limit) - 1)
            .limit(1)
        )
        with self._database.reading() as connection:
            require_study(connection, study_id)
            upto = connection.execute(last).scalar_one_or_none()
            query = (
                select_trials(study_id, whole=False)
                .where(changed)
                .order_by(TRIALS.c.version, TRIALS.c.number)
            )
            if upto is not None:
                query = query.where(TRIALS.c.version <= upto)
            return tuple(read_trial(row) for row in connection.execute(query))


def _after(
    cursor: str, order: str, column: ColumnElement[Any], descending: bool
) -> ColumnElement[bool]:
    of_order, key, number = read_cursor(cursor, str, (int, float, str, type(None)), int)
    if of_order != order:
        raise InvalidInput(
            f"the cursor belongs to the order '{of_order}', not '{order}'; "
            "begin again without a cursor",
            pointer="/cursor",
        )
    same_key_later = TRIALS.c.number > number
    if key is None:
        return and_(column.is_(None), same_key_later)
    if not _is_key_of(column, key):
        raise bad_cursor(cursor)
    value = _from_key(cursor, key)
    further = column < value if descending else column > value
    return or_(further, column.is_(None), and_(column == value, same_key_later))


def _is_key_of(column: ColumnElement[Any], key: object) -> bool:
    return isinstance(key, _KEYS[column.type.python_type])


def _to_key(value: datetime | float | None) -> str | float | None:
    return value.isoformat() if isinstance(value, datetime) else value


def _from_key(cursor: str, key: str | float) -> datetime | float:
    if not isinstance(key, str):
        return key
    try:
        when = datetime.fromisoformat(key)
        if when.tzinfo is None:
            raise bad_cursor(cursor)
        return when.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the year 9999, west of Greenwich
        raise bad_cursor(cursor) from error
