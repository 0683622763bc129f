"""Rows a second of `POST predict` for CSV: `python -m tests.benchmarks.prediction`.

A server is started and trains a network of 3 x 64 on ten numeric columns; then CSV of 100,000 and
of 1,000,000 rows is sent and the answer read. Beside the clock stand seconds of the processor, of
the server and all its children, and the most memory that these took beyond the server at rest.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import numpy as np
import psutil

from tests.service.processes import Server, served

COLUMNS = 10
ROWS = (100_000, 1_000_000)
STUDY: dict[str, Any] = {
    "space": {"activation": ["relu", "tanh"], "depth": 3, "width": 64},
    "budget": {"trials": 6, "epochs": 3},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def table(rows: int, *, with_target: bool) -> bytes:
    """Return a CSV of `rows` rows of ten numbers, and their target."""
    draws = np.random.default_rng(rows).normal(size=(rows, COLUMNS))
    names = [f"x{place}" for place in range(COLUMNS)]
    if with_target:
        target = np.sin(draws[:, :1]) + draws[:, 1:2]
        draws, names = np.hstack([draws, target]), [*names, "y"]
    text = io.StringIO()
    text.write(",".join(names) + "\n")
    np.savetxt(text, draws, fmt="%.6g", delimiter=",")
    return text.getvalue().encode()


class Family:
    """Processor seconds and memory of a process and its children, watched by a thread."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._stop = Event()
        self._seen: dict[int, float] = {}
        self.peak = 0
        self._look()
        self.rest, self._before = self.peak, dict(self._seen)
        self._thread = Thread(target=self._watch)
        self._thread.start()

    def end(self) -> float:
        """Return the processor seconds since the beginning."""
        self._look()
        self._stop.set()
        self._thread.join()
        return sum(used - self._before.get(pid, 0.0) for pid, used in self._seen.items())

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self._look()

    def _look(self) -> None:
        memory = 0
        for each in (self._process, *self._process.children(recursive=True)):
            try:
                times = each.cpu_times()
                self._seen[each.pid] = times.user + times.system
                memory += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.peak = max(self.peak, memory)


def measure(server: Server, study: str, rows: int) -> str:
    """Return a line on the prediction of `rows` rows."""
    content = table(rows, with_target=False)
    family = Family(psutil.Process(server.process.pid))
    began = time.perf_counter()
    answer = server.client.post(
        f"/v1/studies/{study}/predict", content=content, headers={"Content-Type": "text/csv"}
    )
    seconds = time.perf_counter() - began
    used = family.end()
    assert answer.status_code == 200, answer.text
    assert answer.text.count("\n") == rows + 1
    return (
        f"{rows} rows: {rows / seconds:.0f} a second by the clock ({seconds:.2f} s), "
        f"{used:.2f} s of the processor ({rows / used:.0f} a second), "
        f"{(family.peak - family.rest) / 2**20:.0f} MiB beyond the server at rest"
    )


def main() -> None:
    """Print a line for each number of rows, twice."""
    with TemporaryDirectory() as folder, served(Path(folder)) as server:
        files = {"file": ("rows.csv", table(2_000, with_target=True))}
        uploaded = server.client.post("/v1/datasets", data={"target": "y"}, files=files)
        study = server.start(**{**STUDY, "dataset": uploaded.json()["id"]})
        server.finish(study)
        for rows in (*ROWS, *ROWS):
            print(measure(server, study, rows))


if __name__ == "__main__":
    main()
