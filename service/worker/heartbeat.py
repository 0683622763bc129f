"""A heartbeat: a function that a thread of its own calls again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread

from service.logs import get_log
from storage import DatabaseAway


class _Ticker(Thread):
    """Calls a function at once and then every `seconds` until `ended` is set."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._seconds, self._call, self.ended = seconds, call, Flag()

    def run(self) -> None:
        """Call until ended; a call that fails is logged and repeated in its turn."""
        log = get_log(__name__)
        while True:
            try:
                self._call()
            except DatabaseAway as error:
                log.warning("heartbeat failed", reason=str(error))
            except Exception as error:
                # A database busy for a moment must not end the heartbeat.
                log.error("heartbeat failed", exc_info=error)
            if self.ended.wait(self._seconds):
                return


@contextmanager
def repeated(call: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call `call` now and every `seconds`, in a thread, as long as the context lasts."""
    ticker = _Ticker(seconds, call)
    ticker.start()
    try:
        yield
    finally:
        ticker.ended.set()
        ticker.join()
