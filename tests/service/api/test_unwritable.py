"""Another program holds the database's file: who writes is told so, who asks for health is not."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from fastapi.testclient import TestClient

from service.api.dependencies import Services
from storage import Database, write_probe


@pytest.fixture
def held(database: Database) -> Iterator[sqlite3.Connection]:
    assert database.file is not None
    with closing(sqlite3.connect(database.file, isolation_level=None)) as other:
        yield other


def test_a_request_that_writes_is_to_come_again_and_health_answers(
    client: TestClient, held: sqlite3.Connection
) -> None:
    held.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    answer = client.post("/v1/studies", json={"dataset": "iris"})
    assert time.monotonic() - began < 8
    assert answer.status_code == 503
    assert answer.json()["title"] == "Database busy"
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200
    assert client.get("/v1/studies").json()["items"] == []
    held.execute("ROLLBACK")
    assert client.post("/v1/studies", json={"dataset": "iris"}).status_code == 202


def test_readiness_the_study_and_its_page_say_what_it_waits_for(
    client: TestClient, held: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_probe, "_HELD_S", 0.1)
    monkeypatch.setattr(write_probe, "_FRESH_S", 1e9)
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    services: Services = client.app.state.services  # type: ignore[attr-defined]
    held.execute("BEGIN IMMEDIATE")
    services.write_probe.probe()
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "another program holds" in ready.json()["detail"]
    assert "another program holds" in client.get(f"/v1/studies/{study}").json()["error"]
    assert "The study waits: another program holds" in client.get(f"/studies/{study}").text
    held.execute("ROLLBACK")
    services.write_probe.probe()
    assert client.get("/readyz").status_code == 200
    assert client.get(f"/v1/studies/{study}").json()["error"] is None
    assert "The study waits" not in client.get(f"/studies/{study}").text
