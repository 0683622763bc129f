"""Wake-ups: who waits for a change of a study hears of it, where the database can tell.

PostgreSQL tells by LISTEN and NOTIFY, on one connection of each process. A pooler that gives every
transaction another connection swallows that without an error; so a listener first sends itself a
message, and where that does not come back, as on SQLite, who waits must look for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from storage.sql.database import Database

if TYPE_CHECKING:
    from psycopg import Connection, Notify

#: Channels of the trigger on the studies (migration 0007), with a study's id as the message.
QUEUE, VERSIONS = "search_queue", "search_versions"
_ECHO = "search_echo"
#: Seconds within which a message to oneself must come back.
_ECHO_S = 2.0
#: Seconds until the next try, after a connection broke or where no message comes back.
_RETRY_S, _UNHEARD_S = 1.0, 60.0
#: Seconds between two looks whether to end.
_LOOK_S = 0.5


class Wakeups:
    """Listens on behalf of one process until `close`; a context manager.

    `is_heard` is true while changes are told; it is never so on SQLite.
    """

    def __init__(self, database: Database, tell: Callable[[str, str], None]) -> None:
        """Call `tell(channel, study_id)` for every change, in a thread of this object."""
        self._database = database
        self._tell = tell
        self._ending = Flag()
        self.is_heard = False
        self._thread = Thread(target=self._run, daemon=True)
        if database.url.get_backend_name() == "postgresql":
            self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def __enter__(self) -> Wakeups:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        # Imported here because the driver is an extra.
        import psycopg  # noqa: PLC0415

        while not self._ending.is_set():
            pause = _RETRY_S
            try:
                with self._database.driver_connection() as connection:
                    for channel in (QUEUE, VERSIONS, _ECHO):
                        connection.execute(f"LISTEN {channel}")
                    if self._hears_itself(connection):
                        self.is_heard = True
                        self._listen(connection)
                    else:
                        pause = _UNHEARD_S
            except (psycopg.Error, SQLAlchemyError):
                pass  # the server is away, which others tell
            self.is_heard = False
            self._ending.wait(pause)

    def _hears_itself(self, connection: Connection) -> bool:
        word = token_hex(8)
        with self._database.writing() as other:
            other.execute(text("SELECT pg_notify(:to, :word)"), {"to": _ECHO, "word": word})
        deadline = monotonic() + _ECHO_S
        while not self._ending.is_set() and monotonic() < deadline:
            for notice in connection.notifies(timeout=_LOOK_S, stop_after=1):
                if (notice.channel, notice.payload) == (_ECHO, word):
                    return True
                self._pass_on(notice)
        return False

    def _listen(self, connection: Connection) -> None:
        while not self._ending.is_set():
            for notice in connection.notifies(timeout=_LOOK_S, stop_after=1):
                self._pass_on(notice)

    def _pass_on(self, notice: Notify) -> None:
        if notice.channel != _ECHO:
            self._tell(notice.channel, notice.payload)
