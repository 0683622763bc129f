"""The service as somebody runs it: a data directory, a port, and a process that may be killed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.service.processes import PROGRAM, free_port, ready, until

#: Seconds of a lease: short, so that what was lost is soon taken up.
LEASE_S = 3.0
_QUOTAS = {
    "ACTIVATION_SEARCH_READS_PER_MINUTE": "0",
    "ACTIVATION_SEARCH_WRITES_PER_MINUTE": "0",
    "ACTIVATION_SEARCH_MAX_QUEUED_STUDIES": "100000",
    "ACTIVATION_SEARCH_LOG_FORMAT": "json",
}


class Service:
    """`activation-search serve` on a folder; started, killed and started again on one port."""

    def __init__(self, folder: Path, log: Path | None = None, **settings: object) -> None:
        """`settings` are those of a deployment, by their names in the environment."""
        self.folder = folder
        #: What all its processes have written on standard error.
        self.log = log or folder / "service.log"
        self._port = free_port()
        self._settings = {name.upper(): str(value) for name, value in settings.items()}
        self._process: psutil.Process | None = None
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=60)

    @property
    def url(self) -> str:
        """Where it is reached."""
        return str(self.client.base_url)

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.folder / "activation-search.db"

    @property
    def process(self) -> psutil.Process:
        """The API's process; RuntimeError where none runs."""
        if self._process is None:
            raise RuntimeError("the service is not running")
        return self._process

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of its processes."""
        lease = {"ACTIVATION_SEARCH_LEASE_SECONDS": str(LEASE_S)}
        given = {f"ACTIVATION_SEARCH_{name}": value for name, value in self._settings.items()}
        return {**os.environ, **_QUOTAS, **lease, **given}

    def start(self, *, prefix: tuple[str, ...] = ()) -> None:
        """Start it and return once it answers; `prefix` is a program that starts it."""
        command = [*prefix, *PROGRAM, "serve", "--port", str(self._port)]
        with self.log.open("ab") as log:
            # psutil's keeps the exit status once it is waited for, as `stop` does.
            self._process = psutil.Popen(
                [*command, "--data-dir", str(self.folder)],
                env=dict(self.environment),
                stdout=log,
                stderr=log,
            )
        until(self.is_up, seconds=180)

    def is_up(self) -> bool:
        """Return whether the API answers."""
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def is_ready(self) -> bool:
        """Return whether the service says that it can work."""
        return ready(self.client)

    def family(self) -> list[psutil.Process]:
        """Its living processes: the API, the worker, the trainers and what they started."""
        if self._process is None or not is_alive(self._process):
            return []
        return [self._process, *self._process.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Its living worker."""
        return [p for p in self.process.children() if is_alive(p) and "worker" in p.cmdline()]

    def trainers(self) -> list[psutil.Process]:
        """Its living training processes."""
        return [
            trainer
            for worker in self.workers()
            for trainer in worker.children()
            if is_alive(trainer) and any("spawn_main" in word for word in trainer.cmdline())
        ]

    def stop(self, *, seconds: float = 60) -> None:
        """End it as a person does, and what does not end in time by force."""
        family = self.family()
        if not family:
            return
        self.process.terminate()
        _, left = psutil.wait_procs(family, timeout=seconds)
        kill(left)
        self._process = None

    def post(self, **study: Any) -> str:
        """Start a study; return its id."""
        answer = self.client.post("/v1/studies", json=study)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON of what is there."""
        answer = self.client.get(path, params={name: str(value) for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[Service]:
    """A service that is ready, ended with the context."""
    folder.mkdir(parents=True, exist_ok=True)
    service = Service(folder, **settings)
    try:
        service.start()
        until(service.is_ready, seconds=60)
        yield service
    finally:
        service.stop()
        service.client.close()


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process runs, and is no zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(processes: list[psutil.Process]) -> None:
    """End processes at once, by SIGKILL."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=30)
