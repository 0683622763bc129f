"""Where segments run: any `concurrent.futures.Executor`; here the local ones.

Workers are spawned, never forked (an open SQLite connection does not survive a fork), one thread
each: a stack keeps one core busy, and several threads inside it would only contend.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from search.engines.compiled import can_compile
from search.gc_freeze import freeze_loaded_objects

T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs everything in this process, at once: for notebooks and tests."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def local_pool(processes: int | None = None) -> Executor:
    """Spawn `processes` workers, by default one per usable core; they get ready at once."""
    count = processes or len(os.sched_getaffinity(0))
    pool = ProcessPoolExecutor(
        max_workers=count, mp_context=get_context("spawn"), initializer=_prepare_worker
    )
    for _ in range(count):
        # A worker is spawned where none is idle: the first study shall find all of them ready.
        pool.submit(_nothing)
    return pool


def _nothing() -> None:
    """Be there."""


def _prepare_worker() -> None:
    # Ctrl-C reaches every process of a terminal; the one that started this pool decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    use_one_core()
    freeze_loaded_objects()


def use_one_core() -> None:
    """Have this process train by one thread, and load what it trains with."""
    torch.set_num_threads(1)
    # Numbers below 1e-38 slow the arithmetic down a hundredfold and mean nothing here.
    torch.set_flush_denormal(True)
    if can_compile("cpu"):
        # Imported here because Numba may be missing.
        from search.engines.compiled.warm_up import warm  # noqa: PLC0415

        warm()
        # NumPy's and SciPy's BLAS are libraries of their own, the latter loaded by `warm`.
        threadpool_limits(1, user_api="blas")


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if that was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
