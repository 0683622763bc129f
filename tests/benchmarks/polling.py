"""How long `GET /results` takes while two workers train and fifty clients poll.

One server and two worker processes share the database, each worker with a study of its own and one
training process, which keeps both cores busy. The clients run in one process of their own on the
same machine; each asks once a second, half of them with the ETag of the answer before, as the
dashboard and the demo do. What they wait for is the whole document, importances and all.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
import numpy as np

from tests.benchmarks.ours import Service, served
from tests.benchmarks.scales import Scale
from tests.benchmarks.work import study_body

_INTERVAL_S = 1.0
_END_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """Milliseconds an answer."""

    clients: int
    answers: int
    median: float
    p99: float
    most: float


def polling(scale: Scale, folder: Path) -> Polling:
    """Start everything, let the clients poll, and end it."""
    body = study_body(trials=100_000, epochs=scale.epochs, pruner="successive_halving")
    with served(folder, processes=1, warm=False) as service:
        second = _second_worker(service)
        try:
            studies = [service.post({**body, "name": f"study {k}"}) for k in range(2)]
            _wait_until_training(service, studies)
            return _poll(service, studies, scale)
        finally:
            second.terminate()
            second.wait(_END_S)


def _second_worker(service: Service) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.cli", "worker", "--data-dir", str(service.data_dir)]
    with (service.data_dir / "worker.log").open("wb") as log:
        return subprocess.Popen(
            command,
            env={**os.environ, "ACTIVATION_SEARCH_PROCESSES": "1"},
            stdout=log,
            stderr=log,
        )


def _wait_until_training(service: Service, studies: list[str]) -> None:
    deadline = time.monotonic() + _END_S
    while time.monotonic() < deadline:
        progress = [service.look(study)["progress"] for study in studies]
        if all(row["trials_finished"] > 0 for row in progress):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the two workers finished no trial within {_END_S:.0f} s")


def _poll(service: Service, studies: list[str], scale: Scale) -> Polling:
    command = [sys.executable, "-m", "tests.benchmarks.polling", service.base_url]
    command += [str(scale.clients), str(scale.polling_seconds), *studies]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Polling(**json.loads(output))


async def _ask(
    client: httpx2.AsyncClient, path: str, *, tagged: bool, wait: float, seconds: float
) -> list[float]:
    """Poll `path` once a second; return the milliseconds of every answer."""
    await asyncio.sleep(wait)
    times = []
    headers: dict[str, str] = {}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        answer = await client.get(path, headers=headers)
        took = time.perf_counter() - started
        times.append(1e3 * took)
        if answer.status_code != httpx2.codes.NOT_MODIFIED:
            answer.raise_for_status()
        if tagged:
            headers = {"If-None-Match": answer.headers["ETag"]}
        await asyncio.sleep(max(0.0, _INTERVAL_S - took))
    return times


async def _all_clients(base_url: str, clients: int, seconds: float, studies: list[str]) -> Polling:
    async with httpx2.AsyncClient(
        base_url=base_url, timeout=60, limits=httpx2.Limits(max_connections=clients)
    ) as client:
        asked = [
            _ask(
                client,
                f"/v1/studies/{studies[k % len(studies)]}/results",
                tagged=k % 4 < 2,
                wait=_INTERVAL_S * k / clients,
                seconds=seconds,
            )
            for k in range(clients)
        ]
        times = np.concatenate([np.array(row) for row in await asyncio.gather(*asked)])
    return Polling(
        clients=clients,
        answers=len(times),
        median=float(np.median(times)),
        p99=float(np.quantile(times, 0.99)),
        most=float(times.max()),
    )


def main() -> None:
    """Be the clients: BASE_URL CLIENTS SECONDS STUDY..."""
    base_url, clients, seconds, *studies = sys.argv[1:]
    result = asyncio.run(_all_clients(base_url, int(clients), float(seconds), studies))
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
