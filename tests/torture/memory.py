"""What the API and the processes that it starts for a request hold, without worker and trainers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psutil

from tests.torture.service import Service


def resident(service: Service) -> int:
    """Return the bytes that the API and its helpers have in memory now."""
    workers = {worker.pid for worker in service.workers()}
    helpers = [child for child in service.process.children() if child.pid not in workers]
    total = 0
    for process in [service.process, *helpers]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


@contextmanager
def watched(service: Service) -> Iterator[list[int]]:
    """Keep the most that was resident, looked at fifty times a second, in a list of one."""
    most, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], resident(service))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()
