"""Whether the database takes writes: tried now and then beside the requests, which never wait."""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from time import monotonic

from storage.sql.away import DatabaseAway, DatabaseBusy
from storage.sql.database import Database

#: Seconds for which an answer is good.
_FRESH_S = 5.0
#: A lock held for so long is no passing one.
_HELD_S = 10.0
#: With less room than this the next trial may not fit.
_LEAST_BYTES = 2**20


class WriteProbe:
    """Tries a write of no meaning, at most every five seconds, while somebody asks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="write-probe")
        self._lock = Lock()
        self._probe: Future[None] | None = None
        self._probed_at = -_FRESH_S
        self._fault: str | None = None
        self._writes = 0

    def fault(self) -> str | None:
        """Return why nothing can be written, as found last; None where all is well.

        Never waits: an answer that has aged is found anew for those who ask later.
        """
        with self._lock:
            is_probing = self._probe is not None and not self._probe.done()
            if not is_probing and monotonic() - self._probed_at >= _FRESH_S:
                self._probe = self._threads.submit(self.probe)
        return self._fault

    def probe(self) -> None:
        """Try a write now, and keep what came of it."""
        try:
            self._fault = self._fault_now()
        finally:
            self._probed_at = monotonic()

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(cancel_futures=True)

    def _fault_now(self) -> str | None:
        file = self._database.file
        if file is None:
            return None  # a server watches its own disk
        self._writes += 1
        try:
            free = shutil.disk_usage(file.parent).free
            if free < _LEAST_BYTES:
                return f"the disk of {file.parent} has {free} bytes left; make room for more"
            with self._database.writing() as connection:
                # A number that SQLite keeps for programs, and that neither ours nor Optuna reads.
                connection.exec_driver_sql(f"PRAGMA user_version={self._writes % 2**31}")
        except DatabaseBusy as error:
            return str(error) if self._database.held_seconds > _HELD_S else None
        except (DatabaseAway, OSError) as error:
            return str(error)
        return None
