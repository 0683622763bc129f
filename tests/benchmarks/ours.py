"""Our side: a real server and worker as processes, driven over REST as a person would.

Seconds are counted from the moment a study is posted to the moment a client sees it completed. The
service is up and has run a small study before: it is a service, not a script.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.benchmarks.work import PROCESSES, study_body

_POLL_S = 0.05
_START_S = 60.0
_END_S = 60.0
_FINISHED = ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class OurRun:
    """What one of our studies did."""

    study_id: str
    #: From POST to the end, or to the score it was to reach.
    seconds: float
    best: float
    #: Whether the score it was to reach was reached; True where there was none.
    reached: bool
    #: As GET trials shows them, by number.
    trials: tuple[Mapping[str, Any], ...]

    @property
    def fit_seconds(self) -> float:
        """Wall seconds that the training processes spent inside segments."""
        return sum(float(trial["fit_seconds"]) for trial in self.trials)


class Service:
    """A running server with one worker of some training processes."""

    def __init__(self, base_url: str, process: subprocess.Popen[bytes], data_dir: Path) -> None:
        self.base_url = base_url
        self.client = httpx2.Client(base_url=base_url, timeout=120)
        self.server = process
        self.data_dir = data_dir

    def processes(self) -> list[psutil.Process]:
        """The server, the worker and its training processes, those that still live."""
        root = psutil.Process(self.server.pid)
        return [root, *root.children(recursive=True)]

    def post(self, body: Mapping[str, Any]) -> str:
        """Start a study; return its id."""
        answer = self.client.post("/v1/studies", json=dict(body))
        answer.raise_for_status()
        study_id: str = answer.json()["id"]
        return study_id

    def look(self, study_id: str) -> dict[str, Any]:
        """Return the study as it is now."""
        answer = self.client.get(f"/v1/studies/{study_id}")
        answer.raise_for_status()
        study: dict[str, Any] = answer.json()
        return study

    def cancel(self, study_id: str) -> None:
        """Cancel a study and wait until it has ended."""
        self.client.post(f"/v1/studies/{study_id}/cancel").raise_for_status()
        while self.look(study_id)["state"] not in _FINISHED:
            time.sleep(_POLL_S)

    def run(
        self, body: Mapping[str, Any], *, until: float | None = None, every: float = _POLL_S
    ) -> OurRun:
        """Run a study to its end, or until its best value is `until` or lower.

        It is looked at `every` so many seconds, which costs the server a few milliseconds each.
        Raises RuntimeError where it fails.
        """
        started = time.perf_counter()
        study_id = self.post(body)
        while True:
            study = self.look(study_id)
            best = study["progress"]["best_value"]
            reached = until is not None and best is not None and best <= until
            if reached or study["state"] in _FINISHED:
                break
            time.sleep(every)
        seconds = time.perf_counter() - started
        if reached and study["state"] not in _FINISHED:
            self.cancel(study_id)
        elif study["state"] != "completed":
            raise RuntimeError(f"our study {study['state']}: {study['error']}")
        return OurRun(
            study_id=study_id,
            seconds=seconds,
            best=best,
            reached=reached or until is None,
            trials=tuple(self.trials(study_id)),
        )

    def trials(self, study_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield every finished trial, by number."""
        cursor = None
        while True:
            params = {"limit": 500, **({"cursor": cursor} if cursor else {})}
            page = self.client.get(f"/v1/studies/{study_id}/trials", params=params)
            page.raise_for_status()
            yield from (item for item in page.json()["items"] if item["finished_at"])
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return


@contextmanager
def served(data_dir: Path, *, processes: int = PROCESSES, warm: bool = True) -> Iterator[Service]:
    """Start server and worker on a fresh database, and end them; `warm` runs a study before."""
    port = _free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    environment = {**os.environ, "ACTIVATION_SEARCH_PROCESSES": str(processes)}
    with (data_dir / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)], env=environment, stdout=log, stderr=log
        )
    service = Service(f"http://127.0.0.1:{port}", process, data_dir)
    try:
        _wait_until_ready(service)
        if warm:
            service.run(study_body(trials=2 * processes, epochs=1))
        yield service
    finally:
        service.client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)


def _wait_until_ready(service: Service) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            if service.client.get("/readyz").status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass  # not listening yet
        time.sleep(_POLL_S)
    raise RuntimeError(f"the server was not ready after {_START_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
