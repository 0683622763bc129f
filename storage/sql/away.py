"""A database that does not answer or take writes now: told apart from every other error.

A server that restarts, a SQLite file that another program holds, a disk that is full: what was
asked may be done later, by the same words. Anything else is a mistake of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from search.errors import NotReady

#: Classes of SQLSTATE: connection exception, and operator intervention (shutdown, crash, start).
_AWAY = ("08", "57")
_LATER = "it goes on by itself once that is over"
_SERVER = (
    "the database server does not answer; it may be restarting, so try again in some "
    "seconds, and see its log if that does not help"
)
_BUSY = (
    "another program holds the database's file and nothing can be written meanwhile; try again in "
    "some seconds, and close what has it open if that does not help"
)
_FULL = f"the disk of the database is full, or a quota is; make room, {_LATER}"
_READ_ONLY = f"the database, or its folder, may only be read; make it writable, {_LATER}"
_DISK = f"the disk of the database fails to read or write; see the system's log, {_LATER}"
#: Primary result codes of SQLite.
_SQLITE_BUSY = (5, 6)
_SQLITE = {8: _READ_ONLY, 10: _DISK, 13: _FULL, 14: _READ_ONLY}
#: SQLSTATE of PostgreSQL.
_POSTGRESQL = {"53100": _FULL, "25006": _READ_ONLY}


class DatabaseAway(NotReady, SQLAlchemyError):
    """The database does not answer now; what was under way may or may not be written."""


class DatabaseBusy(DatabaseAway):
    """Another program holds SQLite's file; nothing was written."""

    def __init__(self, detail: str = _BUSY) -> None:
        super().__init__(detail)


class DatabaseUnwritable(DatabaseAway):
    """The disk is full, fails or may only be read; nothing was written."""


@contextmanager
def telling_away() -> Iterator[None]:
    """Raise DatabaseAway, or a class of it, in place of the errors by which a driver tells that."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseBusy from error
    except DBAPIError as error:
        meant = _meaning(error)
        if meant is None:
            raise
        raise meant from error


def _meaning(error: DBAPIError) -> DatabaseAway | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        primary = code & 0xFF
        if primary in _SQLITE_BUSY:
            return DatabaseBusy()
        return DatabaseUnwritable(_SQLITE[primary]) if primary in _SQLITE else None
    state = getattr(error.orig, "sqlstate", None)
    if state in _POSTGRESQL:
        return DatabaseUnwritable(_POSTGRESQL[state])
    return DatabaseAway(_SERVER) if is_away(error) else None


def is_away(error: DBAPIError) -> bool:
    """Return whether `error` says that the server cannot be reached, or has ended a connection."""
    if error.connection_invalidated:
        return True
    # SQLite's errors have no such attribute; psycopg's have None where no server has answered.
    state = getattr(error.orig, "sqlstate", "")
    return isinstance(error, OperationalError) and (state is None or state[:2] in _AWAY)
