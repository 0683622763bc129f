"""The URL of a database: read, checked, and shown without its password."""

from __future__ import annotations

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from search.errors import InvalidInput

DRIVERS = ("sqlite", "postgresql")
#: What may hold a password in a text that is no URL: all before the last @, and a parameter.
_SECRETS = re.compile(r"^.*(?=@)|(?<=password=)[^&\s]*", re.DOTALL)

#: What is shown in place of a password.
_HIDDEN = "***"


def parse_url(text: str) -> URL:
    """Read the URL of a SQLite file or of PostgreSQL; InvalidInput for anything else."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise InvalidInput(
            f"'{_SECRETS.sub(_HIDDEN, text)}' is not a database URL; write "
            "sqlite:///path/to/file.db or postgresql://user:password@host/name, with the signs "
            "of a password that mean something in a URL as %40 for @, %2F for / and so on"
        ) from error
    if url.get_backend_name() not in DRIVERS:
        raise InvalidInput(
            f"the database '{url.get_backend_name()}' is not supported; "
            f"use one of {', '.join(DRIVERS)}"
        )
    if url.drivername == "postgresql":
        # SQLAlchemy's default is psycopg2, yet the extra "postgres" installs psycopg.
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise InvalidInput(
            "a SQLite database in memory cannot be shared between processes; "
            "name a file, as in sqlite:///data/search.db"
        )
    return url


def shown(url: URL) -> str:
    """Return the URL as people may see it: with *** in place of a password."""
    if "password" in url.query:
        url = url.update_query_dict({"password": _HIDDEN})
    return url.render_as_string(hide_password=True)
