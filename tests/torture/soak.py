"""Half an hour of studies, polls, cancellations, uploads and waiting clients: what grows?"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import httpx2
import psutil

from tests.torture.figures import Figure
from tests.torture.scales import Scale
from tests.torture.service import Service, running

#: Seconds between two requests of a client, and between two samples of the processes.
PAUSE_S, SAMPLE_S = 0.2, 2.0
P99_S = 0.15
#: What grows by less in an hour is flat: memory of the API and of its worker, handles, threads.
FLAT: dict[str, float] = {"memory_mib": 60.0, "handles": 20.0, "threads": 10.0}
#: The first part of a run is not counted: caches fill, threads and connections are made.
WARM_SHARE = 0.3
#: Slopes of runs shorter than this say nothing.
SLOPES_FROM_S = 600
WAIT_S = 20
STUDY: dict[str, Any] = {
    "space": {"activation": ["relu", "tanh"], "width": [8, 16], "depth": 1},
    "budget": {"trials": 12, "epochs": 5},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}
TABLE = "a,b,c\n" + "".join(
    f"{i * 37 % 101},{i * 53 % 97},{'ny'[i % 3 == 0]}\n" for i in range(300)
)


@dataclass(slots=True)
class Load:
    """What clients have seen, gathered over threads."""

    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    ended: Event = field(default_factory=Event)

    def ask(self, client: httpx2.Client, method: str, path: str, **more: Any) -> Any:
        """Send a request that waits for nothing, and keep how long it took."""
        began = time.monotonic()
        answer = client.request(method, path, **more)
        with self.lock:
            self.took.append(time.monotonic() - began)
            self.statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                self.errors.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer


def measure(scale: Scale, folder: Path) -> Figure:
    """Load the service for `scale.soak_seconds`; return slopes, the slow requests and errors."""
    load = Load()
    quotas = {"max_connections": 900, "max_connections_a_client": 900, "max_datasets": 100_000}
    with running(folder, processes=1, **quotas) as service:
        clients = [
            *[Thread(target=_client, args=(service, load, number)) for number in range(4)],
            *[Thread(target=_waiting, args=(service, load)) for _ in range(scale.waiting)],
        ]
        for client in clients:
            client.start()
        samples = _sampled(service, scale.soak_seconds)
        load.ended.set()
        for client in clients:
            client.join()
    return _figure(scale, load, samples)


def _client(service: Service, load: Load, seed: int) -> None:
    """One client that does what people do, one request after another."""
    chance = random.Random(seed)
    with httpx2.Client(base_url=service.url, timeout=60) as client:
        while not load.ended.wait(PAUSE_S * chance.random() * 2):
            try:
                chance.choices(ACTIONS, WEIGHTS)[0](load, client, chance)
            except httpx2.TransportError as error:
                with load.lock:
                    load.errors.append(repr(error))


def _waiting(service: Service, load: Load) -> None:
    """One client that waits for the newest study to change."""
    with httpx2.Client(base_url=service.url, timeout=60) as client:
        while not load.ended.wait(0.5):
            study = load.studies[-1] if load.studies else None
            if study is None:
                continue
            try:
                answer = client.get(f"/v1/studies/{study}/results", params={"wait": WAIT_S})
            except httpx2.TransportError as error:
                with load.lock:
                    load.errors.append(repr(error))
                continue
            if answer.status_code not in (200, 404):
                with load.lock:
                    load.errors.append(f"waiting: {answer.status_code} {answer.text[:200]}")


def _start(load: Load, client: httpx2.Client, chance: random.Random) -> None:
    if len(load.studies) > 20:  # as many as one worker can do, and some that wait
        study = load.studies.pop(0)
        load.ask(client, "POST", f"/v1/studies/{study}/cancel")
        load.ask(client, "DELETE", f"/v1/studies/{study}")
    dataset = chance.choice(["iris", "wine"])
    answer = load.ask(client, "POST", "/v1/studies", json={**STUDY, "dataset": dataset})
    if answer.status_code == 202:
        load.studies.append(answer.json()["id"])


def _poll(load: Load, client: httpx2.Client, chance: random.Random) -> None:
    if load.studies:
        study = chance.choice(load.studies)
        for what in ("", "/results", "/trials"):
            load.ask(client, "GET", f"/v1/studies/{study}{what}")


def _list(load: Load, client: httpx2.Client, chance: random.Random) -> None:
    for path in ("/v1/studies", "/v1/datasets", "/", "/metrics", "/readyz"):
        load.ask(client, "GET", path)


def _cancel(load: Load, client: httpx2.Client, chance: random.Random) -> None:
    if load.studies:
        load.ask(client, "POST", f"/v1/studies/{chance.choice(load.studies)}/cancel")


def _upload(load: Load, client: httpx2.Client, chance: random.Random) -> None:
    files, form = {"file": ("t.csv", TABLE)}, {"target": "c"}
    answer = load.ask(client, "POST", "/v1/datasets", files=files, data=form)
    if answer.status_code == 201:
        dataset = answer.json()["id"]
        load.ask(client, "GET", f"/v1/datasets/{dataset}/preview")
        load.ask(client, "DELETE", f"/v1/datasets/{dataset}")


#: What a client does next, each as often as its weight says.
ACTIONS: Sequence[Callable[[Load, httpx2.Client, random.Random], None]] = (
    _start, _poll, _list, _cancel, _upload,
)  # fmt: skip
WEIGHTS = (1, 10, 2, 1, 2)


def _sampled(service: Service, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """Return memory, handles and threads of the API and its worker, by seconds since the start."""
    samples: dict[str, list[tuple[float, float]]] = {}
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        for name, processes in (("API", [service.process]), ("worker", service.workers())):
            for process in processes:
                for what, value in _sample(process).items():
                    samples.setdefault(f"{name} {what}", []).append((now, value))
        time.sleep(SAMPLE_S)
    return samples


def _sample(process: psutil.Process) -> dict[str, float]:
    try:
        return {
            "memory_mib": process.memory_info().rss / 2**20,
            "handles": process.num_fds(),
            "threads": process.num_threads(),
        }
    except psutil.NoSuchProcess:
        return {}


def _slopes(samples: dict[str, list[tuple[float, float]]], seconds: float) -> dict[str, float]:
    """Return by how much each grows in an hour, by a line through what came after the start."""
    slopes = {}
    for name, points in samples.items():
        late = [(at, value) for at, value in points if at > WARM_SHARE * seconds]
        if len(late) >= 2:
            times, values = zip(*late, strict=True)
            slopes[name] = 3600 * statistics.linear_regression(times, values).slope
    return slopes


def _figure(scale: Scale, load: Load, samples: dict[str, list[tuple[float, float]]]) -> Figure:
    slopes = _slopes(samples, scale.soak_seconds)
    p99 = statistics.quantiles(load.took, n=100)[98] if len(load.took) > 100 else max(load.took)
    growing = [name for name, slope in slopes.items() if slope > FLAT[name.split()[1]]]
    if scale.soak_seconds < SLOPES_FROM_S:
        growing = []
    is_slow = p99 > P99_S and scale.soak_seconds >= SLOPES_FROM_S
    shown_slopes = ", ".join(f"{name} {slope:+.1f}" for name, slope in slopes.items())
    return Figure(
        shown=f"{scale.soak_seconds / 60:.0f} min, {len(load.took)} requests, {scale.waiting} "
        f"waiting: {len(load.errors)} errors, p99 {1000 * p99:.0f} ms; an hour: {shown_slopes}",
        holds=not load.errors and not growing and not is_slow,
        details={
            "requests": len(load.took),
            "p50_ms": 1000 * statistics.median(load.took),
            "p99_ms": 1000 * p99,
            "statuses": {str(status): times for status, times in load.statuses.items()},
            "errors": load.errors[:20],
            "slopes_an_hour": slopes,
            "growing": growing,
            "last": {name: points[-1][1] for name, points in samples.items()},
            "first": {name: points[0][1] for name, points in samples.items()},
        },
    )
