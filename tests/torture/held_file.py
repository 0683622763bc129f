"""Another program holds SQLite's file: requests are answered, health is, nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx2

from tests.service.processes import until
from tests.torture.figures import Figure
from tests.torture.scales import Scale
from tests.torture.service import running

HEALTHY_S = 0.1
#: A refusal comes within so many seconds: two waits of three.
REFUSED_S = 8.0
STUDY = {"dataset": "iris", "budget": {"trials": 4, "epochs": 2}, "evaluation": {"confirm_top": 0}}


def measure(scale: Scale, folder: Path) -> Figure:
    """Post studies while the file is held; count answers, time health, find the accepted again."""
    with running(folder) as service, ThreadPoolExecutor(scale.posts) as senders:
        kept = service.post(**STUDY)
        healthy, refused_after = [0.0], [0.0]

        def post(number: int) -> tuple[int, str]:
            time.sleep(scale.held_seconds * number / (2 * scale.posts))
            began = time.monotonic()
            with httpx2.Client(base_url=service.url, timeout=120) as client:
                answer = client.post("/v1/studies", json={**STUDY, "name": f"held {number}"})
            if answer.status_code != 202:
                refused_after.append(time.monotonic() - began)
                assert int(answer.headers.get("Retry-After", 0)) > 0, answer.text
            return answer.status_code, str(answer.json().get("id"))

        with watched_health(service.url, healthy), held(service.database, scale.held_seconds):
            sent = [senders.submit(post, number) for number in range(scale.posts)]
            told = 0
            deadline = time.monotonic() + scale.held_seconds
            while time.monotonic() < deadline - 1:
                told += service.client.get("/readyz").status_code == 503
                time.sleep(0.5)
            answers = [each.result() for each in sent]
        until(service.is_ready, seconds=60)
        statuses = Counter(status for status, _ in answers)
        accepted = [study for status, study in answers if status == 202]
        known = {item["id"] for item in service.get("/v1/studies", limit=200)["items"]}
        lost = [study for study in [*accepted, kept] if study not in known]
        ended = [*accepted, kept, service.post(**STUDY)]
        until(
            lambda: all(
                service.get(f"/v1/studies/{study}")["state"] == "completed" for study in ended
            )
        )
    errors = sum(times for status, times in statuses.items() if status not in (202, 503))
    return Figure(
        shown=f"held {scale.held_seconds:g} s, {scale.posts} POSTs: {statuses[202]} accepted, "
        f"{statuses[503]} told to come again within {max(refused_after):.1f} s, {errors} others; "
        f"{len(lost)} lost; health within {1000 * max(healthy):.0f} ms",
        holds=not errors
        and not lost
        and max(healthy) < scale.patience * HEALTHY_S
        and max(refused_after) < scale.patience * REFUSED_S
        and statuses[503] > 0
        and (told > 0 or scale.held_seconds < 20),
        details={
            "statuses": dict(statuses),
            "health_ms": 1000 * max(healthy),
            "not_ready": told,
            "refused_after_s": max(refused_after),
        },
    )


@contextmanager
def held(database: Path, seconds: float) -> Iterator[None]:
    """Another program's transaction, which takes the write lock and ends after `seconds`."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        ends = time.monotonic() + seconds
        yield
        time.sleep(max(0.0, ends - time.monotonic()))
        connection.execute("ROLLBACK")


@contextmanager
def watched_health(url: str, took: list[float]) -> Iterator[None]:
    """Ask for health ten times a second, and add to `took` how long each answer needed."""
    ended = Event()

    def ask() -> None:
        with httpx2.Client(base_url=url, timeout=120) as client:
            while not ended.wait(0.1):
                began = time.monotonic()
                assert client.get("/healthz").status_code == 200
                took.append(time.monotonic() - began)

    asker = Thread(target=ask)
    asker.start()
    try:
        yield
    finally:
        ended.set()
        asker.join()
