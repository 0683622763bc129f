"""Creation and migration of a database's two schemas, by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock
from optuna.storages import RDBStorage
from sqlalchemy import URL, Connection, Engine, text

from search.errors import Conflict
from storage.optuna_schema import tables as optuna_tables
from storage.sql.database_url import shown

#: An arbitrary number, the same in every process of every version.
_ADVISORY_LOCK = 0x61637473


def create_schema(url: URL, engine: Engine, open_storage: Callable[[URL], RDBStorage]) -> None:
    """Create or migrate Optuna's tables and ours.

    Two processes that create Optuna's tables at the same moment collide, so the second one waits.
    Raises Conflict for a database written by a newer version of Optuna or of this project.
    """
    with _one_process(url, engine):
        with engine.begin() as connection:
            optuna_tables.METADATA.create_all(connection)
        try:
            # Optuna records its version, or checks the one recorded.
            open_storage(url).engine.dispose()
            with engine.begin() as connection:
                command.upgrade(_config(connection), "head")
        except (CommandError, RuntimeError) as error:
            raise Conflict(
                f"the database {shown(url)} was written by another version: {error} "
                "Start the version that wrote it, or name a new database"
            ) from error


def check_schema(connection: Connection) -> None:
    """Raise Conflict where our schema is not this release's: for a database opened to be read."""
    newest = ScriptDirectory.from_config(_config(connection)).get_current_head()
    found = MigrationContext.configure(
        connection, opts={"version_table": "activation_search_version"}
    ).get_current_revision()
    if found != newest:
        raise Conflict(
            f"the database may only be read and has the schema '{found}', where this release reads "
            f"'{newest}'; make it writable so that it can be brought up to date, or use the "
            "release that wrote it"
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _one_process(url: URL, engine: Engine) -> Iterator[None]:
    if url.get_backend_name() == "sqlite":
        with FileLock(f"{url.database}.lock"):
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
