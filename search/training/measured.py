"""An executor that measures how long each call took, where it ran."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any, TypeVar

from search.training.stores import Store
from search.training.worker_files import open_store

T = TypeVar("T")


class _Timed(Future[T]):
    """What a caller waits for; cancelling it cancels the call itself."""

    def __init__(self, call: Future[tuple[T, float]]) -> None:
        super().__init__()
        self._call = call

    def cancel(self) -> bool:
        """Cancel the call; False where it has begun."""
        if self.cancelled():
            return True
        if not (self._call.cancel() and super().cancel()):
            return False
        self.set_running_or_notify_cancel()  # or those who `wait` for it would wait for ever
        return True


class MeasuredExecutor(Executor):
    """Hands calls on to `executor` and tells `on_call` the seconds that each took to run.

    The seconds are those of the process that ran the call, without its wait for a free one.
    """

    def __init__(self, executor: Executor, on_call: Callable[[float], None]) -> None:
        self._executor = executor
        self._on_call = on_call
        self._in_flight = 0
        self._ended = 0
        self._lock = Lock()

    @property
    def ended(self) -> int:
        """How many calls have ended or been cancelled; 0 while a pool may still be starting."""
        return self._ended

    @property
    def in_flight(self) -> int:
        """How many calls were submitted and have neither ended nor been cancelled."""
        return self._in_flight

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Submit the call, as `Executor.submit` does."""
        call = self._executor.submit(_timed, fn, *args, **kwargs)
        future: Future[T] = _Timed(call)
        with self._lock:
            self._in_flight += 1
        call.add_done_callback(lambda done: self._pass_on(done, future))
        return future

    def open_store(self, folder: Path) -> Store:
        """Return the store that calls of the measured executor can reach."""
        return open_store(self._executor, folder)

    def _pass_on(self, call: Future[tuple[T, float]], future: Future[T]) -> None:
        with self._lock:
            self._in_flight -= 1
            self._ended += 1
        if call.cancelled() or not future.set_running_or_notify_cancel():
            return
        error = call.exception()
        if error is not None:
            future.set_exception(error)
            return
        result, seconds = call.result()
        self._on_call(seconds)
        future.set_result(result)


def _timed(fn: Callable[..., T], *args: Any, **kwargs: Any) -> tuple[T, float]:
    began = perf_counter()
    result = fn(*args, **kwargs)
    return result, perf_counter() - began
