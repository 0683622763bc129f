"""The worker as a process: its database, its training processes, its signals."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from time import sleep

from service.settings import Settings
from service.worker.training import open_executor
from service.worker.worker import Worker
from storage import open_database

#: How long a transaction waits for another program that holds SQLite's file, before the worker
#: looks whether it shall stop, and tries again.
_BUSY_SECONDS = 10.0


#: Seconds between two signs of life.
SIGN_OF_LIFE_S = 1.0


def run_worker(
    settings: Settings, *, until_idle: bool = False, until_stdin_ends: bool = False
) -> None:
    """Run a worker in this process until SIGTERM or SIGINT, or until the queue is empty.

    With `until_stdin_ends` it also stops at the end of its standard input, which comes when the
    process at the other end is gone, even if killed, and writes a dot a second on its standard
    output, so that one that hangs can be told from one that works. Raises PoolBroken where a
    training process was killed, and InvalidInput where the settings want an executor, a device or
    an engine that is not there.
    """
    if hasattr(os, "nice"):
        os.nice(settings.worker_niceness)
    pool, backend = open_executor(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.database, busy_seconds=_BUSY_SECONDS)
    try:
        with pool as executor:
            worker = Worker(settings, database, executor, backend=backend)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: worker.stop())
            if until_stdin_ends:
                Thread(target=_stop_at_end, args=(sys.stdin.fileno(), worker), daemon=True).start()
                Thread(target=_tell_life, args=(sys.stdout.fileno(),), daemon=True).start()
            worker.run(until_idle=until_idle)
    finally:
        database.close()


def _stop_at_end(stream: int, worker: Worker) -> None:
    # Not through Python's buffer, whose lock no thread may hold when the process ends.
    while os.read(stream, 1024):
        pass  # input has no meaning, only its end
    worker.stop()


def _tell_life(stream: int) -> None:
    while True:
        try:
            os.write(stream, b".")
        except OSError:
            return  # nobody reads any more: `_stop_at_end` has seen that too
        sleep(SIGN_OF_LIFE_S)
