"""Pagination by opaque cursors.

A cursor holds the sort key of the last item, not a count, so that items added or removed between
two pages neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from math import isnan
from typing import Any, Generic, TypeVar

from search.errors import InvalidInput

Item = TypeVar("Item")

MAX_LIMIT = 1000
#: Largest value of the integer columns by which lists are sorted, of 32 bits on PostgreSQL.
_LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list; `next_cursor` is None on the last page."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


def write_cursor(*keys: Any) -> str:
    """Pack JSON values into a URL-safe word."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type | tuple[type, ...]) -> list[Any]:
    """Unpack a cursor by `write_cursor`; InvalidInput unless it holds these kinds of values.

    A whole number that it returns fits into a database, a number with a point is not NaN.
    """
    try:
        keys = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:  # nested too deeply
        raise bad_cursor(cursor) from error
    if not isinstance(keys, list) or len(keys) != len(kinds):
        raise bad_cursor(cursor)
    if not all(map(_is_key, keys, kinds)):
        raise bad_cursor(cursor)
    return keys


def check_limit(limit: int) -> int:
    """Return `limit`; InvalidInput unless 1 <= limit <= MAX_LIMIT."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(
            f"limit {limit} is outside 1 to {MAX_LIMIT}; read on with next_cursor for more",
            pointer="/limit",
        )
    return limit


def bad_cursor(cursor: str) -> InvalidInput:
    """Return the error for a cursor that no page of this list contains."""
    return InvalidInput(
        f"cursor '{cursor}' is not one of this list; pass next_cursor of the page before, "
        "or none for the first page",
        pointer="/cursor",
    )


def _is_key(key: object, kind: type | tuple[type, ...]) -> bool:
    if isinstance(key, bool) or not isinstance(key, kind):
        return False  # to Python, True is a number
    if isinstance(key, int):
        return abs(key) <= _LARGEST_INT
    return not (isinstance(key, float) and isnan(key))
