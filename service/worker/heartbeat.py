"""A heartbeat: a call repeated by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread

from service.logs import get_log


class _Ticker(Thread):
    """Calls something at once and then every `seconds` until told to end."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._seconds, self._call, self.ended = seconds, call, Flag()

    def run(self) -> None:
        """Tick until ended; a tick that fails is logged and tried again."""
        log = get_log(__name__)
        while True:
            try:
                self._call()
            except Exception as error:
                # A database busy for a moment must not end the heartbeat.
                log.error("heartbeat failed", exc_info=error)
            if self.ended.wait(self._seconds):
                return


@contextmanager
def _every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    ticker = _Ticker(seconds, call)
    ticker.start()
    try:
        yield
    finally:
        ticker.ended.set()
        ticker.join()
