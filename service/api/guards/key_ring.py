"""The keys as a running server knows them: read again every second, compared off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from secrets import token_bytes
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from search.errors import NotReady
from service.logs import get_log
from storage import Keys
from storage.keys import KeyRow, matching_key

#: A key made or revoked takes effect within so many seconds.
RELOAD_S = 1.0
#: Keys read this long ago are not believed any more, where the database does not answer.
_STALE_S = 60.0
#: The use of one key is recorded at most this often.
_USE_S = 60.0


class KeyRing:
    """The keys of one database, for the coroutines of one event loop."""

    def __init__(self, keys: Keys, *, is_required: bool) -> None:
        """Read the keys; with `is_required` a request needs one even while there is none."""
        self._keys = keys
        self._is_required = is_required
        # Threads of its own: those of the routes may all be waiting for a database.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="keys")
        self._recorder = ThreadPoolExecutor(1, thread_name_prefix="key-use")
        self._recording: Future[None] | None = None
        self._rows = {row.id: row for row in keys.list()}
        self._read_at = monotonic()
        self._reload: asyncio.Task[None] | None = None
        #: Keys found right before, by a digest that means nothing outside this process: scrypt is
        #: for the first request with a key.
        self._known: dict[bytes, str] = {}
        self._pepper = token_bytes(32)
        self._used: dict[str, float] = {}

    async def is_open(self) -> bool:
        """Whether requests need no key; NotReady where the keys cannot be read."""
        await self._refresh()
        return not self._rows and not self._is_required

    async def find(self, presented: str) -> KeyRow | None:
        """Return the key that was presented; None where it is none. After `is_open`."""
        mark = hmac.digest(self._pepper, presented.encode(errors="replace"), hashlib.sha256)
        row = self._rows.get(self._known.get(mark, ""))
        if row is None:
            loop = asyncio.get_running_loop()
            rows = self._rows
            row = await loop.run_in_executor(self._threads, matching_key, presented, rows)
            if row is None:
                return None
            self._known[mark] = row.id
        self._record_use(row)
        return row

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)
        self._recorder.shutdown(cancel_futures=True)

    async def _refresh(self) -> None:
        if monotonic() - self._read_at < RELOAD_S:
            return
        if self._reload is None or self._reload.done():
            self._reload = asyncio.create_task(self._read_again())
        # Shielded: the request that began it may be cancelled while others wait for it too.
        await asyncio.shield(self._reload)

    async def _read_again(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._threads, self._keys.list)
        except SQLAlchemyError as error:
            if monotonic() - self._read_at < _STALE_S:
                return
            get_log(__name__).error("the keys cannot be read", exc_info=error)
            raise NotReady(
                "the keys cannot be read from the database; see the server's log, and the disk it "
                "is on"
            ) from error
        self._rows = {row.id: row for row in rows}
        self._known = {mark: key for mark, key in self._known.items() if key in self._rows}
        self._read_at = monotonic()

    def _record_use(self, row: KeyRow) -> None:
        """Record the use beside the request: none waits for it, nor fails with it."""
        now = monotonic()
        is_recording = self._recording is not None and not self._recording.done()
        if is_recording or now - self._used.get(row.id, -_USE_S) < _USE_S:
            return
        self._used[row.id] = now
        self._recording = self._recorder.submit(self._write_use, row.id)

    def _write_use(self, key_id: str) -> None:
        with suppress(SQLAlchemyError):
            self._keys.record_use(key_id)
