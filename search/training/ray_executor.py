"""An executor that runs calls as tasks of a Ray cluster.

A call that is lost with its process or its node is submitted again by Ray, as are the calls whose
results it needs and that were lost too. Segments give the same result wherever they run, so nothing
of a study is lost but time. Needs the extra `ray`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Timer
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from search.errors import InvalidInput
from search.gc_freeze import freeze_loaded_objects
from search.training.backend import Backend
from search.training.cluster_objects import Cell, ObjectStore, StateObject
from search.training.executors import use_one_core

T = TypeVar("T")

#: Times that a call is submitted again before its study fails: a node may be lost now and then, but
#: a call that kills every process it is given to must come to an end.
MAX_RETRIES = 5
#: Seconds in which a cancelled call has to end by its interrupt; its process is killed then.
INTERRUPT_S = 5.0


class RayExecutor(Executor):
    """Runs calls in the processes of a cluster, each prepared for `backend` once.

    A call reserves `cpus` cores and `gpus` GPUs, of which fractions can be shared. Functions and
    arguments must be picklable; arguments may be, or be tuples of, StateObjects of this executor's
    store.
    """

    def __init__(self, backend: Backend, *, cpus: float = 1.0, gpus: float = 0.0) -> None:
        """Connect to the cluster at RAY_ADDRESS, see `connect`."""
        connect()
        self._backend = backend
        self._task: Any = ray.remote(_call)
        self._needs = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": MAX_RETRIES}

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Submit the call, as `Executor.submit` does; cancelling interrupts one that has begun."""
        cells = list(_cells(args))
        # As arguments of their own, since Ray hands over the values of such references only.
        values = [cell.ref for cell in cells]
        task = self._task.options(num_returns=1 + len(cells), **self._needs)
        refs = task.remote(self._backend, fn, args, kwargs, *values)
        result, *made = refs if cells else [refs]
        for cell, ref in zip(cells, made, strict=True):
            cell.ref = ref
        future: Future[T] = _TaskFuture(result)
        result.future().add_done_callback(lambda done: _pass_on(done, future))
        return future

    def open_store(self, _folder: Path) -> ObjectStore:
        """Return a store in the cluster's memory."""
        return ObjectStore()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which ends calls that have not; `wait` for them is the caller's."""
        ray.shutdown()


class _TaskFuture(Future[T]):
    """What a caller waits for; cancelling it cancels the task."""

    def __init__(self, ref: ray.ObjectRef) -> None:
        super().__init__()
        self._ref = ref

    def cancel(self) -> bool:
        """Cancel the task, whether or not it has begun; False where it has ended."""
        if self.cancelled():
            return True
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # or those who `wait` for it would wait for ever
        ray.cancel(self._ref)
        later = Timer(INTERRUPT_S, _end, (self._ref,))
        later.daemon = True
        later.start()
        return True


def _end(ref: ray.ObjectRef) -> None:
    """End a cancelled task whose interrupt was lost, which happens while a process imports."""
    with suppress(RayError, RuntimeError, ValueError):  # the cluster was left meanwhile
        if ray.wait([ref], timeout=0)[1]:
            ray.cancel(ref, force=True)


def connect() -> None:
    """Join the cluster at RAY_ADDRESS (or one on this machine, started if there is none).

    Raises InvalidInput where there is no cluster at the address.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address is not None and address.startswith("ray://"):
        raise InvalidInput(
            f"RAY_ADDRESS is '{address}', the address of Ray's client server, and a worker is a "
            "driver of its own; run it on a node of the cluster, with RAY_ADDRESS=auto, or give "
            "HOST:6379 of the head node"
        )
    # A cluster that is started here tells nobody that it was.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(log_to_driver=False, logging_level="warning")
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"at RAY_ADDRESS '{address}'" if address else "on this machine"
        reason = str(error).strip().partition("\n")[0]
        raise InvalidInput(
            f"no Ray cluster answers {where} ({reason}); start one (ray start --head), give the "
            "address of one, or leave ACTIVATION_SEARCH_EXECUTOR at local"
        ) from error


def _call(
    backend: Backend,
    fn: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *values: object,
) -> Any:
    """Run in the cluster: return the result of the call and, beside it, what its cells hold."""
    _prepare(backend)
    cells = list(_cells(args))
    for cell, value in zip(cells, values, strict=True):
        cell.value = value
    result = fn(*args, **kwargs)
    return (result, *(cell.value for cell in cells)) if cells else result


@lru_cache(maxsize=1)
def _prepare(backend: Backend) -> None:
    use_one_core(backend)
    # Arrays in the object store are read-only, of which torch warns; nobody writes to folds.
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    freeze_loaded_objects()


def _cells(arguments: tuple[Any, ...]) -> Iterator[Cell]:
    for argument in arguments:
        if isinstance(argument, StateObject):
            yield argument.cell
        elif isinstance(argument, tuple):
            yield from _cells(argument)


def _pass_on(done: Future[T], future: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    elif isinstance(error, RayTaskError):
        future.set_exception(error.cause)
    elif isinstance(error, RayError):
        future.set_exception(BrokenExecutor(str(error)))
    else:
        future.set_exception(error)
