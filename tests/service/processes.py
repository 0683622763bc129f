"""The real server, its worker and trainers as processes, and ways to end them badly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

FINISHED = ("complete", "pruned", "fail")
#: The command line as a program; -P, so that the folder it is started in holds no module.
PROGRAM = (sys.executable, "-P", "-m", "service.cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running `activation-search serve` and a client of it."""

    process: psutil.Process
    client: httpx2.Client

    def start(self, **study: Any) -> str:
        answer = self.client.post("/v1/studies", json=study)
        assert answer.status_code == 202, answer.text
        study_id: str = answer.json()["id"]
        return study_id

    def look(self, study_id: str) -> dict[str, Any]:
        study: dict[str, Any] = self.client.get(f"/v1/studies/{study_id}").json()
        return study

    def finish(self, study_id: str) -> dict[str, Any]:
        ends = ("completed", "failed", "cancelled")
        until(lambda: self.look(study_id)["state"] in ends)
        results: dict[str, Any] = self.client.get(f"/v1/studies/{study_id}/results").json()
        assert results["state"] == "completed", self.look(study_id)["error"]
        return results

    def finished_trials(self, study_id: str) -> dict[int, Any]:
        page = self.client.get(f"/v1/studies/{study_id}/trials", params={"limit": 1000}).json()
        return {t["number"]: t for t in page["items"] if t["state"] in FINISHED}

    def worker(self) -> psutil.Process:
        (worker,) = (p for p in self.process.children() if "worker" in p.cmdline())
        return worker

    def kill(self) -> None:
        """End the server and everything it started at once, as a power cut would."""
        family = [self.process, *self.process.children(recursive=True)]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=30)


@contextmanager
def served(
    data_dir: Path,
    *,
    program: Sequence[str] = PROGRAM,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server on `data_dir`, started in `folder` and ended with the context."""
    port = free_port()
    command = [*program, "serve", "--port", str(port), "--data-dir", str(data_dir)]
    given = {**(os.environ if environment is None else environment)}
    given.setdefault("ACTIVATION_SEARCH_LEASE_SECONDS", "3")
    process = subprocess.Popen(command, env=given, cwd=folder)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until(lambda: ready(client))
            yield Server(process=psutil.Process(process.pid), client=client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def until(holds: Callable[[], bool], *, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
