"""A finished study is asked for more over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.study import Progress, ProgressMade, StudyEnded, StudyState
from storage import Database, Queue, Recorder

WORKER = "worker-1"
DONE = Progress(trials_total=30, trials_finished=30, best_value=0.5)


def ended(
    client: TestClient,
    database: Database,
    *,
    state: StudyState = StudyState.COMPLETED,
    progress: Progress = DONE,
    **fields: Any,
) -> str:
    """Create a study, end it as a worker would, and return its path."""
    body = {"dataset": "iris", "budget": {"trials": 40, "seconds": 60.0}, **fields}
    study = client.post("/v1/studies", json=body).json()
    assert Queue(database).claim(WORKER, 60.0) is not None
    recorder = Recorder(database, study["id"], WORKER)
    recorder.record([ProgressMade(progress=progress), StudyEnded(state=state)])
    return f"/v1/studies/{study['id']}"


@pytest.mark.parametrize("state", [StudyState.COMPLETED, StudyState.CANCELLED])
def test_trials_are_added_to_those_tried(
    state: StudyState, client: TestClient, database: Database
) -> None:
    here = ended(client, database, state=state)
    answer = client.post(f"{here}/extend", json={"trials": 5})
    assert answer.status_code == 202, answer.text
    study = answer.json()
    assert (study["state"], study["phase"], study["finished_at"]) == ("queued", None, None)
    assert study["spec"]["budget"] == {"trials": 35, "epochs": 30, "seconds": None}
    assert study["spec"]["evaluation"]["confirm_repeats"] == 5
    assert study["progress"]["trials_total"] == 35
    assert client.get(here).json() == study


def test_repeats_are_added_to_the_confirmation(client: TestClient, database: Database) -> None:
    here = ended(client, database)
    spec = client.post(f"{here}/extend", json={"repeats": 3}).json()["spec"]
    assert spec["evaluation"]["confirm_repeats"] == 8
    assert spec["budget"]["trials"] == 30


def test_a_study_is_extended_once_at_a_time(client: TestClient, database: Database) -> None:
    here = ended(client, database)
    assert client.post(f"{here}/extend", json={"trials": 5}).status_code == 202
    again = client.post(f"{here}/extend", json={"trials": 5})
    assert again.status_code == 409
    assert "is queued; only a completed or cancelled study" in again.json()["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "nothing to add"),
        ({"trials": 0, "repeats": 0}, "nothing to add"),
        ({"trials": -1}, "0"),
        ({"trials": 1.5}, "whole number"),
        ({"trials": True}, "whole number"),
        ({"trials": "5"}, "whole number"),
        ({"repeats": 101}, "100"),
        ({"repeats": 96}, "100 are the most"),
        ({"trials": 100_001}, "100000"),
        ({"trials": 99_980}, "100000 are the most"),
        ({"epochs": 5}, "epochs"),
        ([], ""),
    ],
)
def test_nonsense_is_refused_with_a_sentence(
    body: Any, words: str, client: TestClient, database: Database
) -> None:
    here = ended(client, database)
    answer = client.post(f"{here}/extend", json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert client.get(here).json()["state"] == "completed"


@pytest.mark.parametrize(
    ("fields", "progress", "body", "words"),
    [
        ({"evaluation": {"confirm_top": 0}}, DONE, {"repeats": 5}, "confirm_top is 0"),
        ({}, replace(DONE, best_value=None), {"repeats": 5}, "no complete trial"),
        (
            {
                "sampler": {"name": "grid"},
                "space": {
                    "activation": ["relu", "tanh"],
                    "initializer": "kaiming_normal",
                    "depth": 2,
                    "learning_rate": 0.01,
                    "weight_decay": 0,
                    "width": 8,
                },
            },
            replace(DONE, trials_finished=2),
            {"trials": 5},
            "all 2 configurations",
        ),
    ],
)
def test_where_there_is_nothing_to_add_to_it_says_so(
    fields: dict[str, Any],
    progress: Progress,
    body: dict[str, int],
    words: str,
    client: TestClient,
    database: Database,
) -> None:
    here = ended(client, database, progress=progress, **fields)
    answer = client.post(f"{here}/extend", json=body)
    assert answer.status_code == 409, answer.text
    assert words in answer.json()["detail"]
    assert client.get(here).json()["state"] == "completed"


def test_a_study_without_its_dataset_is_not_extended(
    client: TestClient, database: Database
) -> None:
    table = "x,y\n" + "\n".join(f"{i % 9},{i * i % 7 + i}" for i in range(40))
    upload = client.post("/v1/datasets", files={"file": ("t.csv", table)}, data={"target": "y"})
    dataset = upload.json()["id"]
    here = ended(client, database, dataset=dataset)
    assert client.delete(f"/v1/datasets/{dataset}").status_code == 204
    answer = client.post(f"{here}/extend", json={"trials": 5})
    assert answer.status_code == 409
    assert "was deleted" in answer.json()["detail"]


def test_an_unknown_study_is_not_extended(client: TestClient) -> None:
    assert client.post("/v1/studies/st_none/extend", json={"trials": 1}).status_code == 404
