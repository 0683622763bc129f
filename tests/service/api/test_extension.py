"""A finished study is asked for more over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.errors import InvalidInput
from search.study import Progress, ProgressMade, StudyEnded, StudyState
from service.api.extension import extend_spec
from service.api.schemas.study import ExtensionModel
from storage import Database, Queue, Recorder, Studies

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
    assert study["spec"]["evaluation"]["confirm_repeats"] == 8
    assert study["progress"]["trials_total"] == 35
    assert client.get(here).json() == study


def test_repeats_are_added_to_the_confirmation(client: TestClient, database: Database) -> None:
    here = ended(client, database)
    spec = client.post(f"{here}/extend", json={"repeats": 9}).json()["spec"]
    assert spec["evaluation"]["confirm_repeats"] == 9
    assert spec["budget"]["trials"] == 30


@pytest.mark.parametrize(
    ("more", "done", "most", "least"), [(6, 8, 14, 14), (2, 4, 8, 6), (1, 8, 9, 9)]
)
def test_repeats_count_from_those_of_the_verdict(
    more: int, done: int, most: int, least: int, client: TestClient, database: Database
) -> None:
    here = ended(client, database)
    row = Studies(database).get(here.rsplit("/", 1)[-1])
    spec = extend_spec(row, ExtensionModel(repeats=more), done)
    assert (spec.evaluation.confirm_repeats, spec.least_repeats) == (most, least)
    assert spec.extensions == 1
    with pytest.raises(InvalidInput, match="100 are the most"):
        extend_spec(row, ExtensionModel(repeats=96), 5)


def test_searches_bring_as_many_trials_as_those_before(
    client: TestClient, database: Database
) -> None:
    here = ended(client, database)
    before = client.get(here).json()["spec"]
    spec = client.post(f"{here}/extend", json={"searches": 2}).json()["spec"]
    searches = before["evaluation"]["searches"]
    assert spec["evaluation"]["searches"] == searches + 2
    assert spec["budget"]["trials"] == 30 + 2 * -(-30 // searches)
    assert spec["evaluation"]["confirm_repeats"] == 8


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
        ({"searches": 21}, "20"),
        ({"searches": 20}, "20 are the most"),
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


def test_a_search_is_ended_at_the_next_look(client: TestClient, database: Database) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    here = f"/v1/studies/{study}"
    early = client.post(f"{here}/finish")
    assert early.status_code == 409
    assert "no complete trial yet" in early.json()["detail"]
    assert Queue(database).claim(WORKER, 60.0) is not None
    Recorder(database, study, WORKER).record([ProgressMade(progress=DONE)])
    assert not Studies(database).control(study).finish
    answer = client.post(f"{here}/finish")
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "running"
    assert Studies(database).control(study).finish


def test_what_is_over_cannot_be_ended_and_an_extension_searches_again(
    client: TestClient, database: Database
) -> None:
    here = ended(client, database)
    study = here.rsplit("/", 1)[-1]
    refused = client.post(f"{here}/finish")
    assert refused.status_code == 409
    assert "is completed" in refused.json()["detail"]
    assert client.post(f"{here}/extend", json={"trials": 5}).status_code == 202
    assert client.post(f"{here}/finish").status_code == 202
    assert Studies(database).control(study).finish
    assert Queue(database).claim(WORKER, 60.0) is not None
    Recorder(database, study, WORKER).record([StudyEnded(state=StudyState.COMPLETED)])
    assert client.post(f"{here}/extend", json={"trials": 5}).status_code == 202
    assert not Studies(database).control(study).finish
