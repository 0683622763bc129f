"""SQLite's write lock as this process sees it: whether another program holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from storage.sql.away import DatabaseBusy

#: Once a transaction has waited so long, others are refused in place of waiting too.
_HELD_S = 1.0


class WriteLock:
    """Watches the one connection that writes, so that few threads wait for another program.

    Threads that wait for each other here take milliseconds. Where the one in front waits for
    another program, those behind would fill the threads of a server for as long as it does.
    """

    def __init__(self) -> None:
        #: When the first of the transactions asked that failed since the last that began.
        self._since: float | None = None
        self._is_waiting = False

    @property
    def held_seconds(self) -> float:
        """How long another program has held the lock; 0 where none is known to."""
        since = self._since
        return 0.0 if since is None else monotonic() - since

    def refuse_if_held(self) -> None:
        """Raise DatabaseBusy where another transaction waits for another program already."""
        if self._is_waiting and self.held_seconds > _HELD_S:
            raise DatabaseBusy

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Note that a transaction asks for the lock, and has it where no error is raised."""
        self._since = self._since or monotonic()
        self._is_waiting = True
        try:
            yield
            self._since = None
        finally:
            self._is_waiting = False
