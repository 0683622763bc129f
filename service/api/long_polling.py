"""Waiting for a study to change: one cheap poll a study, however many clients wait for it.

A waiting client costs a coroutine, not a thread: the version query runs in the thread pool for a
millisecond every `interval` seconds and wakes all waiters of that study together.
"""

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool


class _Watched:
    """One study that somebody waits for, and the task that looks at it."""

    def __init__(self) -> None:
        self.waiters = 0
        self.version = -1
        self.error: Exception | None = None
        self.news = asyncio.Event()
        self.poll: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Wake everybody who waits now; who comes later waits for the next news."""
        self.news.set()
        self.news = asyncio.Event()


class VersionWatcher:
    """Tells when the version of a study, which only grows, passes what a client has seen."""

    def __init__(self, read_version: Callable[[str], int], *, interval: float) -> None:
        self._read_version = read_version
        self._interval = interval
        self._watched: dict[str, _Watched] = {}
        self._closed = False

    @property
    def watched(self) -> int:
        """How many studies are being polled."""
        return len(self._watched)

    async def wait(self, study_id: str, seen: int, *, seconds: float) -> None:
        """Return when the version is above `seen`, after `seconds`, or when the watcher closes.

        Raises what reading the version raises, such as NotFound for a study deleted meanwhile.
        """
        watched = self._watched.setdefault(study_id, _Watched())
        if watched.poll is None:
            watched.poll = asyncio.create_task(self._look(study_id, watched))
        watched.waiters += 1
        try:
            async with asyncio.timeout(seconds):
                while watched.version <= seen and not self._closed and watched.error is None:
                    await watched.news.wait()
        except TimeoutError:
            return
        finally:
            watched.waiters -= 1
            if watched.waiters == 0:
                watched.poll.cancel()
                self._watched.pop(study_id, None)
        if watched.error is not None:
            raise watched.error

    def close(self) -> None:
        """Answer everybody who waits, so that a stopping server has nobody to wait for."""
        self._closed = True
        for watched in self._watched.values():
            watched.tell()

    async def _look(self, study_id: str, watched: _Watched) -> None:
        while watched.error is None:
            try:
                version = await run_in_threadpool(self._read_version, study_id)
            except Exception as error:
                # Raised again in every waiter; a failed poll must not leave them waiting.
                watched.error = error
                watched.tell()
                return
            if version > watched.version:
                watched.version = version
                watched.tell()
            await asyncio.sleep(self._interval)
