"""Metrics as Prometheus reads them: of requests, the queue, trials, workers, waits and the disk."""

from __future__ import annotations

import re
import time

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from search.training.executors import InlineExecutor
from service.settings import Settings
from service.worker.worker import Worker
from storage import Database, Keys
from storage.keys import KeyScope

#: How a name may end: a unit, or what is counted.
ENDS = ("_seconds", "_bytes", "_depth", "_up", "_requests", "_studies", "_trials", "_workers")
TINY = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "depth": [1], "width": [4]},
    "budget": {"trials": 4, "epochs": 2},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def scrape(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (
            sample.name.removeprefix("activation_search_"),
            frozenset(sample.labels.items()),
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(client: TestClient, name: str, **labels: str) -> float:
    return scrape(client)[name, frozenset(labels.items())]


def test_the_queue_is_measured_by_depth_and_age(client: TestClient) -> None:
    assert value(client, "queue_depth") == 0
    assert value(client, "queue_age_seconds") == 0
    for _ in range(2):
        assert client.post("/v1/studies", json={"dataset": "iris"}).status_code == 202
    first = value(client, "queue_age_seconds")
    assert 0 < first < value(client, "queue_age_seconds") < 60
    assert value(client, "queue_depth") == 2
    assert value(client, "studies", state="queued") == 2


def test_a_study_queued_again_has_waited_from_then(client: TestClient) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    time.sleep(0.5)
    assert value(client, "queue_age_seconds") > 0.5
    client.post(f"/v1/studies/{study}/pause")
    assert value(client, "queue_age_seconds") == 0
    client.post(f"/v1/studies/{study}/resume")
    assert 0 < value(client, "queue_age_seconds") < 0.5


def test_a_run_study_shows_in_trials_and_segments(
    client: TestClient, settings: Settings, database: Database
) -> None:
    study = client.post("/v1/studies", json=TINY).json()["id"]
    assert value(client, "segment_seconds_count") == 0
    worker = Worker(settings, database, InlineExecutor())
    worker.run(until_idle=True)
    worker._beat()
    progress = client.get(f"/v1/studies/{study}").json()["progress"]
    assert progress["trials_finished"] == 4
    states = {
        dict(labels)["state"]: number
        for (name, labels), number in scrape(client).items()
        if name == "trials"
    }
    assert states == {
        "running": 0,
        "complete": 4 - progress["trials_pruned"] - progress["trials_failed"],
        "pruned": progress["trials_pruned"],
        "failed": progress["trials_failed"],
    }
    assert value(client, "studies", state="completed") == 1
    assert value(client, "workers") == 1
    assert value(client, "segment_seconds_count") >= 4
    assert value(client, "segment_seconds_bucket", le="+Inf") == value(
        client, "segment_seconds_count"
    )


def test_requests_are_counted_by_route_and_not_by_path(client: TestClient) -> None:
    for word in ("st_one", "st_two"):
        assert client.get(f"/v1/studies/{word}").status_code == 404
    client.get("/no/such/place")
    client.request("BREW", "/healthz")
    labels = {"method": "GET", "route": "/v1/studies/{study_id}"}
    assert value(client, "http_requests_total", status="404", **labels) == 2
    assert value(client, "http_request_duration_seconds_count", **labels) == 2
    text = client.get("/metrics").text
    assert "st_one" not in text
    assert "/no/such" not in text
    assert "BREW" not in text


def test_a_request_that_waits_is_counted_and_not_timed(client: TestClient) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    client.get(f"/v1/studies/{study}/results", params={"wait": 0.3})
    labels = {"method": "GET", "route": "/v1/studies/{study_id}/results"}
    found = scrape(client)
    assert found["http_requests_total", frozenset({*labels.items(), ("status", "200")})] == 1
    assert ("http_request_duration_seconds_count", frozenset(labels.items())) not in found


def test_waits_for_the_database_are_measured_by_kind(client: TestClient) -> None:
    client.post("/v1/studies", json={"dataset": "iris"})
    assert value(client, "database_wait_seconds_count", kind="write") >= 1
    assert value(client, "database_wait_seconds_count", kind="read") >= 1


def test_the_disk_and_the_file_are_measured(client: TestClient) -> None:
    assert value(client, "disk_free_bytes", place="database") > 2**20
    assert value(client, "disk_free_bytes", place="temporary") > 2**20
    assert value(client, "database_size_bytes") > 10_000
    assert value(client, "database_up") == 1


def test_a_database_that_does_not_answer_is_told_and_the_rest_stays(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise OperationalError("SELECT 1", {}, Exception("away"))

    monkeypatch.setattr("storage.statistics.Statistics.read", fail)
    assert value(client, "database_up") == 0
    assert value(client, "disk_free_bytes", place="database") > 0


def test_names_follow_the_conventions(client: TestClient) -> None:
    client.get("/healthz")
    for family in text_string_to_metric_families(client.get("/metrics").text):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        if family.name.startswith("activation_search_"):
            assert family.documentation.endswith("."), family.name
            assert family.name.endswith(ENDS)


def test_metrics_need_a_key_once_there_is_one(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.guards.key_ring.RELOAD_S", 0.0)
    key = Keys(database).create("watcher", KeyScope.READ)
    assert client.get("/metrics").status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
