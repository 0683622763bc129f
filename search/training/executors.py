"""Executors that run segments on this machine, in this process or in a pool of spawned ones.

The driver takes any `concurrent.futures.Executor`. Workers of the pool are spawned, never forked
(an open SQLite connection does not survive a fork), and have one thread each: a stack keeps one
core busy, and several threads inside it would only contend. With GPUs there is one process for
each, which launches its kernels.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from search.gc_freeze import freeze_loaded_objects
from search.training.backend import PROCESSOR, Backend, EngineName

T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs every call in this process as soon as it is submitted: for notebooks and tests."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` now and return a finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def local_pool(processes: int | None = None, backend: Backend = PROCESSOR) -> Executor:
    """Return a pool of `processes` workers; all start at once and are made ready for `backend`.

    By default there is one per usable core, or one per GPU: its kernels leave no room for others.
    """
    count = processes or len(backend.gpus) or len(os.sched_getaffinity(0))
    context = get_context("spawn")
    # Each process takes the number of its GPU from here; the processes share the GPUs in turn.
    gpus = context.SimpleQueue()
    for process in range(count if backend.gpus else 0):
        gpus.put(backend.gpus[process % len(backend.gpus)])
    pool = ProcessPoolExecutor(
        max_workers=count,
        mp_context=context,
        initializer=_prepare_worker,
        initargs=(backend, gpus),
    )
    for _ in range(count):
        # A pool spawns a worker for each job while none is idle: these jobs spawn all of them,
        # so that the first study need not wait for their start.
        pool.submit(_no_operation)
    return pool


def _no_operation() -> None:
    """Do nothing: a job whose submission makes the pool spawn a worker."""


def _prepare_worker(backend: Backend, gpus: SimpleQueue[int]) -> None:
    # Ctrl-C reaches every process of a terminal; the process that started the pool handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    use_one_core(backend)
    if backend.gpus:
        torch.cuda.set_device(gpus.get())
    freeze_loaded_objects()


def use_one_core(backend: Backend = PROCESSOR) -> None:
    """Limit this process to one thread for training, and load the compiled engine if it trains."""
    torch.set_num_threads(1)
    # Denormal numbers, below 1e-38, slow the arithmetic down a hundredfold and mean nothing here.
    torch.set_flush_denormal(True)
    if backend.trainer is EngineName.COMPILED:
        # Imported here because Numba may be missing.
        from search.engines.compiled.warm_up import warm  # noqa: PLC0415

        warm()
        # NumPy and SciPy bring a BLAS each, apart from torch's; `warm` has loaded SciPy's.
        threadpool_limits(1, user_api="blas")


def _end_with_parent() -> None:
    """End this process when its parent has ended, even if the parent was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
