"""The upsert, the one statement for which SQLite and PostgreSQL have different constructs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Insert `rows`; where a row with the same `key` exists, set its `update` columns instead.

    `key` names the columns of one unique constraint. All rows have the same columns.
    """
    if rows:
        statement = _statement(connection.dialect.name, table, tuple(key), tuple(update))
        connection.execute(statement, list(rows))


def upsert_plain(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    *,
    key: tuple[str, ...],
    update: tuple[str, ...],
) -> None:
    """Upsert rows of numbers, strings and None, for `columns` in the table's order.

    The rows go to the driver unconverted, which for many small rows saves half of the time; a
    value that SQLAlchemy would convert, such as a time, must not be among them.
    """
    if not rows:
        return
    sql = _compile(connection.dialect, table, columns, key, update)
    if connection.dialect.positional:
        connection.exec_driver_sql(sql, list(rows))
    else:
        connection.exec_driver_sql(sql, [dict(zip(columns, row, strict=True)) for row in rows])


@lru_cache(maxsize=64)
def _compile(
    dialect: Dialect,
    table: Table,
    columns: tuple[str, ...],
    key: tuple[str, ...],
    update: tuple[str, ...],
) -> str:
    ordered = tuple(column.name for column in table.c if column.name in columns)
    if ordered != columns:
        raise ValueError(f"the columns {columns} must be in the order of the table, {ordered}")
    # Inline: without a RETURNING clause for a primary key that is not read.
    statement = _statement(dialect.name, table, key, update).inline()
    return str(statement.compile(dialect=dialect, column_keys=list(columns)))


@lru_cache(maxsize=64)
def _statement(
    dialect: str, table: Table, key: tuple[str, ...], update: tuple[str, ...]
) -> sqlite.Insert | postgresql.Insert:
    statement = _INSERT[dialect](table)
    return statement.on_conflict_do_update(
        index_elements=list(key),
        set_={column: statement.excluded[column] for column in update},
    )
