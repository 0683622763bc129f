"""The stream of a study's events: what it tells, where it resumes, when it ends."""

from __future__ import annotations

import json
import time
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.analysis.verdict import verdict
from search.metrics import get_metric
from search.study import Progress, ProgressMade, StudyEnded, StudyResults, StudyState
from service.api.app import create_app
from service.settings import Settings
from storage import Database, Queue, Recorder, open_database
from tests.storage.records import changed, make_record

WORKER = "w1"


def events(text: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Return the events of a body: kind, id and data."""
    found = []
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return found


@pytest.fixture
def study_id(client: TestClient, database: Database) -> str:
    """A study that a worker has claimed, run for three trials, and ended."""
    study: str = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    assert Queue(database).claim(WORKER, 60.0) is not None
    recorder = Recorder(database, study, WORKER)
    for number in range(3):
        recorder.record([changed(make_record(number))])
    recorder.record([ProgressMade(progress=Progress(trials_total=3, trials_finished=3))])
    recorder.record([StudyEnded(state=StudyState.COMPLETED)])
    return study


def test_a_finished_study_tells_how_it_stands_and_the_stream_ends(
    client: TestClient, study_id: str
) -> None:
    answer = client.get(f"/v1/studies/{study_id}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    told = {kind: data for kind, _, data in events(answer.text)}
    assert told["progress"]["trials_finished"] == 3
    assert told["state"] == {"state": "completed", "phase": "search", "error": None}
    assert "trial" not in told
    assert events(answer.text)[-1][0] == "state"


def test_a_client_that_comes_back_is_told_what_it_has_missed(
    client: TestClient, study_id: str
) -> None:
    def numbers(last: int) -> list[int]:
        answer = client.get(f"/v1/studies/{study_id}/events", headers={"Last-Event-ID": str(last)})
        return [data["number"] for kind, _, data in events(answer.text) if kind == "trial"]

    assert numbers(0) == [0, 1, 2]
    version = int(client.get(f"/v1/studies/{study_id}/results").headers["ETag"].strip('"'))
    assert numbers(version) == []
    # The last three changes are the end, the progress and the third trial.
    assert numbers(version - 3) == [2]


def test_more_changes_than_one_reading_takes_are_all_told(
    client: TestClient, study_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.event_stream.MAX_LIMIT", 2)
    answer = client.get(f"/v1/studies/{study_id}/events", headers={"Last-Event-ID": "0"})
    told = [data["number"] for kind, _, data in events(answer.text) if kind == "trial"]
    assert sorted(told) == [0, 1, 2]


def test_a_running_study_is_followed_to_its_end(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
        database = open_database(settings.database)

        def work() -> None:
            time.sleep(0.5)
            assert Queue(database).claim(WORKER, 60.0) is not None
            recorder = Recorder(database, study, WORKER)
            recorder.record([changed(make_record(0))])
            recorder.record([StudyEnded(state=StudyState.COMPLETED)])

        worker = Thread(target=work)
        worker.start()
        told = events(client.get(f"/v1/studies/{study}/events").text)
        worker.join()
        database.close()
    states = [data["state"] for kind, _, data in told if kind == "state"]
    assert (states[0], states[-1]) == ("queued", "completed")
    assert [data["number"] for kind, _, data in told if kind == "trial"][:1] == [0]


def test_the_verdict_is_told_once(client: TestClient, database: Database) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    assert Queue(database).claim(WORKER, 60.0) is not None
    found = verdict((), (), get_metric("log_loss"), arms=["relu"])
    Recorder(database, study, WORKER).record(
        [StudyEnded(state=StudyState.COMPLETED)], results=StudyResults(verdict=found)
    )
    told = events(client.get(f"/v1/studies/{study}/events").text)
    assert [data["sentence"] for kind, _, data in told if kind == "verdict"] == [found.sentence]
    # What it tells last is that the study has ended.
    assert told[-1][0] == "state"


@pytest.mark.parametrize(("last", "status"), [("x", 422), ("-1", 422), ("1" * 40, 422)])
def test_an_id_that_no_event_had_is_refused(
    client: TestClient, study_id: str, last: str, status: int
) -> None:
    answer = client.get(f"/v1/studies/{study_id}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["pointer"] == "header:Last-Event-ID"


def test_an_unknown_study_has_no_events(client: TestClient) -> None:
    assert client.get("/v1/studies/st_none/events").status_code == 404
