"""Jobs come back in order whichever worker is quicker, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from search.driver import ordered_jobs as module
from search.driver.ordered_jobs import Interrupted, OrderedJobs
from search.study import Control, Stop
from search.training.stores import SavedData
from tests.search.plain_network import small_data


class ManualExecutor(Executor):
    """Finishes a job when a test says so, the jobs of `quick` as soon as they are submitted."""

    def __init__(self, quick: tuple[int, ...] = ()) -> None:
        self._quick = quick
        self.futures: list[Future[Any]] = []
        self._calls: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.futures.append(Future())
        self._calls.append(lambda: fn(*args, **kwargs))
        if args[0] in self._quick:
            self.finish(len(self.futures) - 1)
        return self.futures[-1]

    def finish(self, number: int) -> None:
        self.futures[number].set_result(self._calls[number]())


def double(job: int, data: SavedData) -> int:
    assert data.load().features_in == small_data().features_in
    return 2 * job


def test_results_come_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    executor = ManualExecutor(quick=(6, 7))

    def control() -> Control:
        # Polled when the first result is waited for: by then all other jobs have finished.
        if not executor.futures[0].done():
            assert [future.done() for future in executor.futures] == [False, True, True]
            executor.finish(0)
        return Control()

    jobs = OrderedJobs(executor, tmp_path, control).run(double, [5, 6, 7], small_data())
    assert next(jobs) == (5, 10)
    assert all(future.done() for future in executor.futures)
    assert list(jobs) == [(6, 12), (7, 14)]
    assert list(tmp_path.iterdir()) == []


def test_no_more_jobs_are_pending_than_can_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 2)
    executor = ManualExecutor()

    def control() -> Control:
        # Whenever the first result is waited for, two jobs are out and the rest are not.
        first = next(n for n, future in enumerate(executor.futures) if not future.done())
        seen.append(len(executor.futures) - first)
        executor.finish(first)
        return Control()

    seen: list[int] = []
    jobs = OrderedJobs(executor, tmp_path, control).run(double, range(6), small_data())
    assert [result for _, result in jobs] == [0, 2, 4, 6, 8, 10]
    assert seen == [2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("stop", list(Stop))
def test_a_stop_cancels_the_pending_jobs_and_removes_the_data(stop: Stop, tmp_path: Path) -> None:
    executor = ManualExecutor()
    polls: Iterator[Control] = iter([Control(), Control(stop=stop)])
    jobs = OrderedJobs(executor, tmp_path, lambda: next(polls)).run(double, [1, 2], small_data())
    with pytest.raises(Interrupted) as interruption:
        next(jobs)
    assert interruption.value.stop is stop
    assert len(executor.futures) == 2
    assert all(future.cancelled() for future in executor.futures)
    assert list(tmp_path.iterdir()) == []
