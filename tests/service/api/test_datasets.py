"""Uploads: roles of columns, the report of each column, the preview."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from search.study import StudySpec
from service.api.app import create_app
from service.settings import Settings
from service.stored_datasets import load_dataset
from storage import Database, Datasets, open_database

ROWS = 60


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": rng.permutation(ROWS),
            "patient": [f"P{i // 3:03}" for i in range(ROWS)],
            "dose": [f"{value:.2f}".replace(".", ",") for value in rng.uniform(1, 9, ROWS)],
            "note": ["-" if i == 4 else str(i % 5) for i in range(ROWS)],
            "kind": ["ab"[(i // 3) % 2] for i in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def database(client: TestClient, settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database)
    yield database
    database.close()


def upload(client: TestClient, columns: object = None, target: str = "kind") -> Any:
    content = table().to_csv(index=False, sep=";").encode()
    text = columns if isinstance(columns, str) else json.dumps(columns)
    data = {"target": target} | ({} if columns is None else {"columns": text})
    return client.post("/v1/datasets", files={"file": ("doses.csv", content)}, data=data)


def column(answer: Any, name: str) -> dict[str, Any]:
    (found,) = (each for each in answer.json()["columns"] if each["name"] == name)
    return dict(found)


def test_an_upload_answers_with_what_each_column_was_taken_for(client: TestClient) -> None:
    answer = upload(client)
    assert answer.status_code == 201, answer.text
    assert [each["name"] for each in answer.json()["columns"]] == list(table())
    assert column(answer, "number") == {
        "name": "number",
        "role": "feature",
        "kind": "identifier",
        "used": False,
        "reason": "it numbers the rows: each of its whole numbers stands once; give it the role "
        "'feature' to keep it",
        "missing": 0,
        "examples": [str(value) for value in table()["number"][:3]],
    }
    dose = column(answer, "dose")
    assert (dose["kind"], dose["used"]) == ("number", True)
    assert "decimal comma" in dose["reason"]
    assert dose["examples"] == table()["dose"][:3].tolist()
    assert column(answer, "note")["missing"] == 1
    assert (column(answer, "kind")["role"], column(answer, "kind")["kind"]) == ("target", "label")
    assert answer.json()["groups"] is None


def test_the_report_is_shown_again(client: TestClient) -> None:
    made = upload(client).json()
    assert client.get(f"/v1/datasets/{made['id']}").json() == made
    assert made in client.get("/v1/datasets").json()["items"]


def test_roles_outrank_every_judgement(client: TestClient) -> None:
    roles = {"number": "feature", "note": "ignore", "patient": "group", "kind": "target"}
    answer = upload(client, roles)
    assert answer.status_code == 201, answer.text
    facts = answer.json()
    assert facts["feature_names"] == ["number", "dose"]
    assert facts["groups"] == ROWS // 3
    assert [each["role"] for each in facts["columns"]] == [
        "feature",
        "group",
        "feature",
        "ignore",
        "target",
    ]
    assert "the 20 groups of column 'patient'" in " ".join(facts["notes"])


def test_the_same_file_with_other_roles_is_another_dataset(client: TestClient) -> None:
    one, two = upload(client).json(), upload(client, {"note": "ignore"}).json()
    assert one["id"] != two["id"]
    assert upload(client).json()["id"] == one["id"]
    assert upload(client, {"note": "ignore"}).json()["id"] == two["id"]


def test_the_worker_reads_the_dataset_with_its_roles(
    client: TestClient, database: Database
) -> None:
    made = upload(client, {"number": "feature", "patient": "group"}).json()
    dataset = load_dataset(StudySpec(dataset=made["id"]), Datasets(database))
    assert list(dataset.features) == made["feature_names"]
    assert dataset.groups is not None
    assert dataset.groups.max() + 1 == made["groups"]
    assert [report.name for report in dataset.columns] == list(table())


@pytest.mark.parametrize(
    ("columns", "pointer", "words"),
    [
        ("{", "/columns", "must be a JSON object of roles"),
        ("[" * 100_000, "/columns", "must be a JSON object of roles"),
        (["note"], "/columns", "must be a JSON object of roles"),
        ({"note": "skip"}, "/columns/note", "role 'skip' is not known"),
        ({"note": None}, "/columns/note", "role 'None' is not known"),
        ({"not": "ignore"}, "/columns/not", "did you mean 'note'"),
        ({"note": "target"}, "/columns/note", "the target is 'kind'"),
        ({"kind": "ignore"}, "/columns/kind", "the target is 'kind'"),
        ({"note": "group", "patient": "group"}, "/columns", "one group each"),
        (dict.fromkeys(("number", "patient", "dose", "note"), "ignore"), "/columns", "no column"),
    ],
)
def test_roles_that_make_no_sense_are_refused(
    client: TestClient, columns: object, pointer: str, words: str
) -> None:
    answer = upload(client, columns)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


def test_a_study_that_the_groups_do_not_allow_is_refused_at_the_door(client: TestClient) -> None:
    made = upload(client, {"patient": "group"}).json()
    body = {"dataset": made["id"], "evaluation": {"folds": 15}}
    answer = client.post("/v1/studies", json=body)
    assert answer.status_code == 422
    assert "groups" in answer.json()["detail"]


def test_the_preview_shows_rows_as_read(client: TestClient) -> None:
    made = upload(client).json()
    shown = client.get(f"/v1/datasets/{made['id']}/preview", params={"rows": 5}).json()
    assert shown["columns"] == made["columns"]
    assert len(shown["rows"]) == 5
    first, fifth = shown["rows"][0], shown["rows"][4]
    assert first["dose"] == float(table()["dose"][0].replace(",", "."))
    assert first["kind"] == "a"
    assert fifth["note"] is None
    assert "number" not in first


def test_a_builtin_dataset_has_a_preview(client: TestClient) -> None:
    rows = client.get("/v1/datasets/iris/preview", params={"rows": 2}).json()["rows"]
    assert rows[0]["species"] == "setosa"
    assert rows[0]["sepal length (cm)"] == 5.1


@pytest.mark.parametrize("rows", [0, -1, 1001, "x"])
def test_a_preview_of_too_few_or_too_many_rows_is_refused(client: TestClient, rows: object) -> None:
    answer = client.get("/v1/datasets/iris/preview", params={"rows": rows})  # type: ignore[dict-item]  # as a browser may send
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:rows"


def test_the_preview_of_an_unknown_dataset_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/datasets/ds_none/preview").status_code == 404
