"""Sends jobs to the executor and hands their results back in order, listening for a stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from itertools import count
from pathlib import Path
from typing import TypeVar

from search.data.fold_arrays import TrainingData
from search.study import Control, Stop
from search.training.worker_files import save_data

J = TypeVar("J")
R = TypeVar("R")

#: Enough to keep the cores of many machines busy, few enough to hold at once.
_IN_FLIGHT = 64
_POLL_S = 0.5


class Interrupted(Exception):
    """The outside wants the study to stop."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop)
        self.stop = stop


class OrderedJobs:
    """What comes after the search runs on it: jobs that do not wait for one another."""

    def __init__(
        self, executor: Executor, folder: Path, control: Callable[[], Control] = Control
    ) -> None:
        """`folder` is where data is put for the workers, `control` says when to stop."""
        self._executor = executor
        self._folder = folder
        self._control = control
        self._names = count()

    def run(
        self, work: Callable[[J, Path], R], jobs: Iterable[J], data: TrainingData
    ) -> Iterator[tuple[J, R]]:
        """Yield each of `jobs` with its result, in order, whichever worker was quicker.

        `work` gets a job and the path of `data`, which is there until the last result is out.
        Raises Interrupted where the outside wants a stop; what is under way is then given up.
        """
        path = save_data(data, self._folder, f"jobs-{next(self._names)}")
        flying: deque[tuple[J, Future[R]]] = deque()
        try:
            for job in jobs:
                flying.append((job, self._executor.submit(work, job, path)))
                while flying and (flying[0][1].done() or len(flying) >= _IN_FLIGHT):
                    yield self._landed(flying)
            while flying:
                yield self._landed(flying)
        finally:
            for _, future in flying:
                future.cancel()
            path.unlink()

    def _landed(self, flying: deque[tuple[J, Future[R]]]) -> tuple[J, R]:
        job, future = flying[0]
        self._listen()
        while not future.done():
            wait([future], timeout=_POLL_S)
            self._listen()
        flying.popleft()
        return job, future.result()

    def _listen(self) -> None:
        wish = self._control().stop
        if wish is not None:
            raise Interrupted(wish)
