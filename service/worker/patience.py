"""Patience with a database server that is away: what must be done is tried until it is back."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag
from typing import TypeVar

from service.logs import get_log
from storage import DatabaseAway

T = TypeVar("T")

#: Seconds between two tries.
PAUSE_S = 1.0


class Patience:
    """Calls functions that use the database, again and again while its server is away."""

    def __init__(self, stopping: Flag) -> None:
        """Give up once `stopping` is set."""
        self._stopping = stopping
        self._log = get_log(__name__)

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns; DatabaseAway where that is so until a stop is wanted.

        `function` must be such that it may be called again after a call that did its work.
        """
        is_away = False
        while True:
            try:
                result = function()
            except DatabaseAway as error:
                if not is_away:
                    self._log.warning("the database is away; waiting for it", reason=str(error))
                is_away = True
                if self._stopping.wait(PAUSE_S):
                    raise
            else:
                if is_away:
                    self._log.info("the database is back")
                return result
