"""One database with two schemas in it: Optuna's and ours.

SQLite allows one writer at a time. A transaction that begins by reading and then writes fails
when another wrote in between, whatever the timeout; so writing transactions take the write lock
at once (BEGIN IMMEDIATE), and reading ones never take it. Hence there are two engines, and a third
one that belongs to Optuna's storage.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from search.errors import InvalidInput, MissingExtra
from storage.sql.away import DatabaseAway, telling_away
from storage.sql.database_url import parse_url, shown
from storage.sql.schema import check_schema, create_schema
from storage.sql.write_lock import WriteLock

if TYPE_CHECKING:
    import psycopg

#: How long a connection waits for another process's write lock, unless told otherwise.
BUSY_TIMEOUT_S = 60.0
#: How long a connection to a server is waited for, in whole seconds.
CONNECT_TIMEOUT_S = 10
_PRAGMAS = (
    "journal_mode=WAL",  # readers and the writer do not block each other
    "synchronous=NORMAL",  # with WAL a killed process loses nothing; only a power cut could
    "foreign_keys=ON",
    f"journal_size_limit={64 * 2**20}",
)
#: As many as the threads of a server that answers by 40 threads, and some.
_CONNECTIONS = 50


#: Is told the kind of a transaction, "read" or "write", and the seconds that it waited.
OnWait: TypeAlias = Callable[[str, float], None]
OnConnect: TypeAlias = Callable[[DBAPIConnection, ConnectionPoolEntry], None]


def _not_observed(kind: str, seconds: float) -> None:
    """Do nothing."""


class Database:
    """Engines to one database; made by `open_database`, ended by `close`.

    Transactions raise DatabaseAway while PostgreSQL's server is away, and connect again once it is
    back.

    Safe to share between threads. Never fork with one open: SQLite forbids carrying a connection
    over a fork, so a use in another process than the opener's is refused.
    """

    def __init__(
        self,
        url: URL,
        *,
        on_wait: OnWait = _not_observed,
        busy_seconds: float = BUSY_TIMEOUT_S,
    ) -> None:
        """`on_wait` is told of every transaction how many seconds it waited to begin.

        Transactions on SQLite wait for other programs for `busy_seconds`, then raise DatabaseBusy.
        """
        self.url = url
        self._on_wait = on_wait
        self._busy_seconds = busy_seconds
        self._pid = os.getpid()
        self._lock = WriteLock()
        if url.get_backend_name() == "sqlite":
            # One writing connection a process: its threads then queue fairly for it, where
            # SQLite itself would let them poll with growing pauses.
            self._writer = create_engine(
                url, pool_size=1, max_overflow=0, pool_timeout=busy_seconds
            )
            self._reader = create_engine(url, pool_size=5, max_overflow=_CONNECTIONS - 5)
            prepare = _prepare_sqlite(busy_seconds)
            event.listen(self._writer, "connect", prepare)
            event.listen(self._reader, "connect", prepare)
            event.listen(self._reader, "connect", _refuse_writes)
            event.listen(self._writer, "begin", self._begin_immediate)
            event.listen(self._reader, "begin", _begin)
        else:
            self._writer = create_engine(
                url,
                pool_size=5,
                max_overflow=_CONNECTIONS - 5,
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
            )
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def file(self) -> Path | None:
        """SQLite's file; None where a server has the database."""
        is_sqlite = self.url.get_backend_name() == "sqlite"
        return Path(self.url.database) if is_sqlite and self.url.database else None

    @property
    def held_seconds(self) -> float:
        """How long another program has held SQLite's write lock; 0 where none is known to."""
        return self._lock.held_seconds

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open one transaction that may write: committed at the end, rolled back on any error.

        Raises DatabaseBusy where another program holds the file for too long, or has for a while.
        """
        self._refuse_fork()
        self._lock.refuse_if_held()
        asked = perf_counter()
        with telling_away(), self._writer.begin() as connection:
            self._on_wait("write", perf_counter() - asked)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open one read-only, consistent snapshot, which waits for no writer and blocks none."""
        self._refuse_fork()
        asked = perf_counter()
        with telling_away(), self._reader.connect() as connection:
            self._on_wait("read", perf_counter() - asked)
            yield connection

    @contextmanager
    def driver_connection(self) -> Iterator[psycopg.Connection]:
        """Open a connection of PostgreSQL's driver, outside of the pool, without transactions."""
        import psycopg  # noqa: PLC0415 - an extra

        self._refuse_fork()
        arguments, options = self._writer.dialect.create_connect_args(self.url)
        options = {"connect_timeout": CONNECT_TIMEOUT_S, **options, "autocommit": True}
        with psycopg.connect(*arguments, **options) as connection:
            yield connection

    def ping(self) -> bool:
        """Return whether the database answers."""
        try:
            with self.reading() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def optuna_storage(self) -> RDBStorage:
        """Open a plain Optuna storage on the same tables, for the dashboard; with its own engine.

        It never begins a transaction by reading, so its reads take no lock. The caller disposes
        of it with `storage.engine.dispose()`.
        """
        return open_optuna_storage(self.url, busy_seconds=self._busy_seconds)

    def close(self) -> None:
        """Close every connection; the database cannot be used afterwards by this object."""
        self._reader.dispose()
        self._writer.dispose()

    def _begin_immediate(self, connection: Connection) -> None:
        with self._lock.waiting():
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _refuse_fork(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                f"this database was opened in process {self._pid}, not here; open it again in "
                "each process, and start processes with 'spawn'"
            )


def open_database(
    url: str, *, on_wait: OnWait = _not_observed, busy_seconds: float = BUSY_TIMEOUT_S
) -> Database:
    """Open the database at `url`, creating or migrating both schemas where needed.

    Safe when several processes do so at the same moment. Raises InvalidInput for a URL that is
    neither a SQLite file nor PostgreSQL and for a database that cannot be opened, MissingExtra
    where PostgreSQL's driver is not installed.
    """
    parsed = parse_url(url)
    try:
        if parsed.database and parsed.get_backend_name() == "sqlite":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        database = Database(parsed, on_wait=on_wait, busy_seconds=busy_seconds)
    except (OSError, NoSuchModuleError) as error:
        raise _unusable(parsed, error) from error
    except ModuleNotFoundError as error:
        raise MissingExtra("a PostgreSQL database", "postgres") from error
    try:
        create_schema(parsed, database._writer, open_optuna_storage)
    except (OSError, DBAPIError) as error:
        database.close()
        raise _unusable(parsed, getattr(error, "orig", error)) from error
    except BaseException:
        database.close()
        raise
    return database


def open_to_read(url: str) -> Database:
    """Open the database for reading alone, also where it cannot be written to.

    One that can be is opened as `open_database` does. A SQLite file that may only be read, or lies
    on such a disk, is read as it stands; Conflict where its schema is of another release, since it
    cannot be brought up to date.
    """
    parsed = parse_url(url)
    file = None if parsed.get_backend_name() != "sqlite" else Path(str(parsed.database))
    if file is None or not file.is_file() or _is_writable(file):
        return open_database(url)
    # What other programs have written and not yet moved into the file is read too, if SQLite's
    # files beside it are there. Without them nothing is: the file alone is whole then.
    is_whole = not Path(f"{file}-wal").exists()
    address = f"file:{quote(str(file))}?mode=ro&uri=true{'&immutable=1' if is_whole else ''}"
    database = Database(make_url(f"sqlite:///{address}"))
    try:
        with database.reading() as connection:
            check_schema(connection)
    except (DBAPIError, DatabaseAway) as error:
        database.close()
        raise _unusable(parsed, getattr(error, "orig", error)) from error
    except BaseException:
        database.close()
        raise
    return database


def _is_writable(file: Path) -> bool:
    return all(os.access(place, os.W_OK) for place in (file, file.parent)) and not (
        os.statvfs(file.parent).f_flag & os.ST_RDONLY
    )


def open_optuna_storage(url: URL, *, busy_seconds: float = BUSY_TIMEOUT_S) -> RDBStorage:
    """Open a vanilla RDBStorage whose connections carry our pragmas."""
    options = {"connect_args": {"timeout": busy_seconds}}
    is_sqlite = url.get_backend_name() == "sqlite"
    # Optuna formats its URL with str.format, so a brace in a path must be doubled.
    address = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    verbosity = optuna.logging.get_verbosity()
    storage = RDBStorage(address, engine_kwargs=options if is_sqlite else {"pool_pre_ping": True})
    optuna.logging.set_verbosity(verbosity)
    if is_sqlite:
        # The constructor has connected already, before the hook could be set.
        storage.engine.dispose()
        event.listen(storage.engine, "connect", _pragmas(busy_seconds))
    return storage


def _unusable(url: URL, reason: object) -> InvalidInput:
    return InvalidInput(
        f"the database {shown(url)} cannot be opened: {reason}; see to it, or name "
        "another place (--data-dir, ACTIVATION_SEARCH_DATA_DIR or ACTIVATION_SEARCH_DATABASE_URL)"
    )


def _pragmas(busy_seconds: float) -> OnConnect:
    """Return a hook that prepares a connection for waiting, logs and foreign keys."""

    def set_pragmas(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        # First, since the others may have to wait.
        for pragma in (f"busy_timeout={round(busy_seconds * 1000)}", *_PRAGMAS):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return set_pragmas


def _prepare_sqlite(busy_seconds: float) -> OnConnect:
    set_pragmas = _pragmas(busy_seconds)

    def prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        # Python's driver would begin transactions on its own, and late; the begin hooks do it.
        connection.isolation_level = None
        set_pragmas(connection, entry)

    return prepare


def _refuse_writes(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    # A write here would begin too late and fail under load; let it fail in the first test.
    connection.execute("PRAGMA query_only=ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
