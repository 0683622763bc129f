"""Keys of the API: made, listed, revoked, and compared with what a request presents.

A key reads `as_ID_SECRET`. The id finds the row; of the secret, 256 random bits, only its scrypt
digest is stored (RFC 7914, with a salt a key), so that who reads the database cannot use the keys.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_bytes, token_hex

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from search.errors import Conflict, InvalidInput, NotFound
from storage.sql.database import Database
from storage.sql.tables import KEYS

#: Cost, block size and parallelism of scrypt: 16 MiB and some 40 ms a comparison.
_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
_SALT_BYTES, _SECRET_BYTES, _ID_BYTES = 16, 32, 6
_KEY = re.compile(
    rf"as_(?P<id>[0-9a-f]{{{2 * _ID_BYTES}}})_(?P<secret>[0-9a-f]{{{2 * _SECRET_BYTES}}})"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


class KeyScope(StrEnum):
    """What a key allows; each includes those before it."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A row of `search_keys`."""

    id: str
    name: str
    scope: KeyScope
    salt: bytes
    digest: bytes
    created_at: datetime
    #: To within a minute; None for a key that was never used.
    used_at: datetime | None


class Keys:
    """The keys of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, scope: KeyScope) -> str:
        """Make a key and return it: it cannot be shown again.

        InvalidInput for a name that is not of letters, digits and `.`, `_`, `@`, `-`; Conflict for
        one in use.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"the name of a key is '{name[:100]}', but must begin with a letter or digit and "
                "go on with letters, digits, '.', '_', '@' or '-', at most 100 in all"
            )
        key_id, secret, salt = token_hex(_ID_BYTES), token_hex(_SECRET_BYTES), _salt()
        try:
            with self._database.writing() as connection:
                connection.execute(
                    insert(KEYS).values(
                        id=key_id,
                        name=name,
                        scope=scope.value,
                        salt=salt,
                        digest=_digest(secret, salt),
                        created_at=datetime.now(UTC),
                    )
                )
        except IntegrityError as error:
            raise Conflict(
                f"there is a key '{name}' already; revoke it first "
                f"(activation-search keys revoke {name}), or choose another name"
            ) from error
        return f"as_{key_id}_{secret}"

    def list(self) -> tuple[KeyRow, ...]:
        """Return all keys by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(KEYS).order_by(KEYS.c.name)).all()
        return tuple(KeyRow(**{**row._mapping, "scope": KeyScope(row.scope)}) for row in rows)

    def revoke(self, name: str) -> None:
        """Remove a key; NotFound where there is none of this name."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(KEYS).where(KEYS.c.name == name).returning(KEYS.c.id))
            if gone.one_or_none() is None:
                raise NotFound("key", name[:100])

    def record_use(self, key_id: str) -> None:
        """Record that the key was used now."""
        with self._database.writing() as connection:
            statement = update(KEYS).where(KEYS.c.id == key_id)
            connection.execute(statement.values(used_at=datetime.now(UTC)))


def _salt() -> bytes:
    return token_bytes(_SALT_BYTES)


#: Compared where there is no row, so that an unknown id takes as long as a wrong secret.
_NO_SALT, _NO_DIGEST = _salt(), token_bytes(64)


def matching_key(presented: str, rows: Mapping[str, KeyRow]) -> KeyRow | None:
    """Return the row, of `rows` by id, whose key was `presented`; None for any other text.

    Takes the time of one scrypt, whether or not there is such an id.
    """
    parts = _KEY.fullmatch(presented)
    if parts is None:
        return None
    row = rows.get(parts["id"])
    salt, digest = (_NO_SALT, _NO_DIGEST) if row is None else (row.salt, row.digest)
    return row if hmac.compare_digest(_digest(parts["secret"], salt), digest) else None


def _digest(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("ascii"), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL)
