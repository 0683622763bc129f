"""Alembic's environment: runs the migrations on the connection that `create_schema` passes."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.schema import SchemaItem

from storage.sql.tables import METADATA

#: Optuna keeps its own revision in `alembic_version`; ours lives beside it.
VERSION_TABLE = "activation_search_version"


def _is_ours(
    item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None
) -> bool:
    return kind != "table" or name in METADATA.tables


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table=VERSION_TABLE,
        include_object=_is_ours,
        render_as_batch=True,  # SQLite cannot alter a table in place
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
