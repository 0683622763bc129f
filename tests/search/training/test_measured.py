"""An executor that measures: the same results, errors and cancellations, and the seconds."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

import pytest

from search.training.executors import InlineExecutor
from search.training.measured import MeasuredExecutor


def test_results_and_errors_come_through_and_only_calls_that_return_count() -> None:
    seen: list[float] = []
    executor = MeasuredExecutor(InlineExecutor(), seen.append)
    assert executor.submit(pow, 2, 5).result() == 32
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result()
    assert len(seen) == 1


def test_the_wait_for_a_free_thread_is_not_measured() -> None:
    seen: list[float] = []
    with ThreadPoolExecutor(1) as threads:
        executor = MeasuredExecutor(threads, seen.append)
        wait([executor.submit(time.sleep, 0.2) for _ in range(3)])
    assert len(seen) == 3
    assert all(0.2 <= each < 0.35 for each in seen)


def test_a_call_that_has_not_begun_is_cancelled_and_never_runs() -> None:
    seen: list[float] = []
    free, began = Event(), Event()
    ran: list[int] = []
    with ThreadPoolExecutor(1) as threads:
        executor = MeasuredExecutor(threads, seen.append)

        def hold() -> None:
            began.set()
            free.wait(10)

        first: Future[None] = executor.submit(hold)
        second = executor.submit(ran.append, 1)
        began.wait(10)
        assert second.cancel()
        assert not first.cancel()
        free.set()
        wait([first, second])
    assert second.cancelled()
    assert ran == []
    assert len(seen) == 1
