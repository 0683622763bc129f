"""Long polling: clients wait for a study to change, and one cheap query a study serves them all.

A waiting client costs a coroutine, not a thread: the version query runs in the thread pool for a
millisecond every `interval` seconds, or when the database tells of a change, and a new version
wakes all waiters of that study together.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

#: Seconds between two looks at a study of which changes are told, in case one was not.
TOLD_POLL_S = 5.0
#: Least seconds between two looks: changes that come together are read once.
SPACING_S = 0.05


class _Subscription:
    """The clients that wait for one study, and the task that polls its version for them."""

    def __init__(self) -> None:
        self.waiters = 0
        self.version = -1
        self.error: Exception | None = None
        self.changed = asyncio.Event()
        #: Set where the study was told to have changed.
        self.told = asyncio.Event()
        self.poll: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Wake all clients that wait now; later ones wait for the next change."""
        self.changed.set()
        self.changed = asyncio.Event()


class VersionWatcher:
    """Waits until the version of a study, which only grows, passes the one a client has."""

    def __init__(
        self,
        read_version: Callable[[str], int],
        *,
        interval: float,
        is_told: Callable[[], bool] = lambda: False,
    ) -> None:
        """Look every `interval` seconds, or when `tell` is called while `is_told`."""
        self._is_told = is_told
        self._read_version = read_version
        self._interval = interval
        self._subscriptions: dict[str, _Subscription] = {}
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether the server stops, so that a wait returns at once."""
        return self._closed

    @property
    def polled(self) -> int:
        """Number of studies that are being polled."""
        return len(self._subscriptions)

    async def wait(self, study_id: str, seen: int, *, seconds: float) -> None:
        """Return when the version is above `seen`, after `seconds`, or when the watcher closes.

        Raises what reading the version raises, such as NotFound for a study deleted meanwhile.
        """
        subscription = self._subscriptions.setdefault(study_id, _Subscription())
        if subscription.poll is None:
            subscription.poll = asyncio.create_task(self._poll(study_id, subscription))
        subscription.waiters += 1
        try:
            async with asyncio.timeout(seconds):
                while not (subscription.version > seen or self._closed or subscription.error):
                    await subscription.changed.wait()
        except TimeoutError:
            return
        finally:
            subscription.waiters -= 1
            if subscription.waiters == 0:
                subscription.poll.cancel()
                self._subscriptions.pop(study_id, None)
        if subscription.error is not None:
            raise subscription.error

    def close(self) -> None:
        """Wake every client, so that a stopping server has no open requests to wait for."""
        self._closed = True
        for subscription in self._subscriptions.values():
            subscription.notify()

    async def _poll(self, study_id: str, subscription: _Subscription) -> None:
        while subscription.error is None:
            try:
                version = await run_in_threadpool(self._read_version, study_id)
            except Exception as error:
                # Raised again in every waiter; a failed poll must not leave them waiting.
                subscription.error = error
                subscription.notify()
                return
            if version > subscription.version:
                subscription.version = version
                subscription.notify()
            await self._next_look(subscription)

    async def _next_look(self, subscription: _Subscription) -> None:
        """Wait until the study may have changed: for the interval, or until somebody tells."""
        if not self._is_told():
            await asyncio.sleep(self._interval)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(max(self._interval, TOLD_POLL_S)):
                await subscription.told.wait()
        subscription.told.clear()
        await asyncio.sleep(SPACING_S)

    def tell(self, study_id: str) -> None:
        """Look at a study now; for a coroutine of the loop that the clients wait in."""
        if study_id in self._subscriptions:
            self._subscriptions[study_id].told.set()
