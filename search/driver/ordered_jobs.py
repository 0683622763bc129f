"""An ordered, bounded map over an executor that can be stopped from outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from pathlib import Path
from typing import TypeVar

from search.data.fold_arrays import TrainingData
from search.study import Control, Stop
from search.training.stores import SavedData
from search.training.worker_files import open_store

J = TypeVar("J")
R = TypeVar("R")

#: Jobs submitted and not yielded: enough to keep the cores of many machines busy, few enough that
#: their results can be held at once.
MAX_PENDING = 64
#: Seconds between two looks at `control` while the driver waits for a result.
_CONTROL_POLL_S = 0.5


class Interrupted(Exception):
    """Somebody outside asked the study to stop; `stop` says how."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop)
        self.stop = stop


class OrderedJobs:
    """Runs jobs that do not depend on each other: those of the confirmation and of the test."""

    def __init__(
        self, executor: Executor, folder: Path, control: Callable[[], Control] = Control
    ) -> None:
        """`folder` is for data of workers on this machine; `control` says when to stop."""
        self._executor = executor
        self._store = open_store(executor, folder)
        self._control = control

    def run(
        self, work: Callable[[J, SavedData], R], jobs: Iterable[J], data: TrainingData
    ) -> Iterator[tuple[J, R]]:
        """Yield each of `jobs` with its result, in the order of `jobs`.

        `work` gets a job and the saved `data`, which are deleted after the last result. Raises
        Interrupted where `control` asks for a stop; pending jobs are then cancelled.
        """
        saved = self._store.save(data)
        pending: deque[tuple[J, Future[R]]] = deque()
        try:
            for job in jobs:
                pending.append((job, self._executor.submit(work, job, saved)))
                while pending and (pending[0][1].done() or len(pending) >= MAX_PENDING):
                    yield self._first_result(pending)
            while pending:
                yield self._first_result(pending)
        finally:
            for _, future in pending:
                future.cancel()
            saved.delete()

    def _first_result(self, pending: deque[tuple[J, Future[R]]]) -> tuple[J, R]:
        """Wait for the first pending job, remove it and return it with its result."""
        job, future = pending[0]
        self._raise_if_stopped()
        while not future.done():
            wait([future], timeout=_CONTROL_POLL_S)
            self._raise_if_stopped()
        pending.popleft()
        return job, future.result()

    def _raise_if_stopped(self) -> None:
        stop = self._control().stop
        if stop is not None:
            raise Interrupted(stop)
