"""A database server that is away: told apart from every other error of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from search.errors import NotReady

#: Classes of SQLSTATE: connection exception, and operator intervention (shutdown, crash, start).
_AWAY = ("08", "57")


class DatabaseAway(NotReady, SQLAlchemyError):
    """The database server does not answer; what was under way may or may not be written."""


@contextmanager
def telling_away() -> Iterator[None]:
    """Raise DatabaseAway in place of the errors by which a driver tells that its server is away."""
    try:
        yield
    except DBAPIError as error:
        if not is_away(error):
            raise
        raise DatabaseAway(
            "the database server does not answer; it may be restarting, so try again in some "
            "seconds, and see its log if that does not help"
        ) from error


def is_away(error: DBAPIError) -> bool:
    """Return whether `error` says that the server cannot be reached, or has ended a connection."""
    if error.connection_invalidated:
        return True
    # SQLite's errors have no such attribute; psycopg's have None where no server has answered.
    state = getattr(error.orig, "sqlstate", "")
    return isinstance(error, OperationalError) and (state is None or state[:2] in _AWAY)
