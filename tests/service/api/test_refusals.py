"""What nobody meant is refused, with a sentence and the place where it stood."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from storage.sql.pagination import write_cursor

CSV = "x,y,kind\n" + "\n".join(f"{i * i % 11},{i % 7},{'ab'[i % 2]}" for i in range(40))
DEEP = "W1tb" * 3000  # "[[[[..." in base64


def refused(answer: Any, pointer: str, *words: str) -> None:
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    for word in words:
        assert word in error["detail"]


@pytest.mark.parametrize(
    "cursor", [write_cursor(2**31), write_cursor(10**30), write_cursor(True), DEEP, "x"]
)
def test_a_forged_cursor_of_studies_is_refused(api: TestClient, cursor: str) -> None:
    refused(api.get("/v1/studies", params={"cursor": cursor}), "query:cursor", "next_cursor")


@pytest.mark.parametrize(
    ("order", "key", "number"),
    [
        ("number", 10**30, 0),
        ("number", 1, 10**30),
        ("number", 1, 2**31),
        ("number", 1.5, 0),
        ("-parameters", float("inf"), 0),
        ("value", "2020-01-01T00:00:00+00:00", 0),
        ("value", True, 0),
        ("value", float("nan"), 0),
        ("started_at", 1.5, 0),
        ("started_at", "2020-01-01T00:00:00", 0),
        ("started_at", "9999-12-31T23:59:59-20:00", 0),
        ("-finished_at", "soon", 0),
    ],
)
def test_a_forged_cursor_of_trials_is_refused(
    api: TestClient, study: str, order: str, key: Any, number: int
) -> None:
    query = {"order": order, "cursor": write_cursor(order, key, number)}
    answer = api.get(f"/v1/studies/{study}/trials", params=query)
    refused(answer, "query:cursor", "next_cursor")


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        ("/v1/studies?stat=failed", "query:stat", ["did you mean 'state'"]),
        ("/v1/studies/{study}/trials?activaton=relu", "query:activaton", ["'activation'"]),
        ("/v1/studies/{study}/trials?activation=rleu", "query:activation", ["'relu'"]),
        ("/v1/studies/{study}/trials?order=valeu", "query:order", ["did you mean 'value'"]),
        ("/v1/studies/{study}/results?wiat=3", "query:wiat", ["did you mean 'wait'"]),
        ("/v1/samplers?limit=3", "query:limit", ["leave it out"]),
        ("/v1/studies?limit=0", "query:limit", ["1 or more"]),
    ],
)
def test_what_a_query_misspells_is_told(
    api: TestClient, study: str, path: str, name: str, words: list[str]
) -> None:
    refused(api.get(path.format(study=study)), name, *words)


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"name": "x" * 201}, "/name", "at most 200 characters"),
        ({"name": "a\x00b"}, "/name", "control characters"),
        ({"space": {"width": []}}, "/space/width", "1 or more entries"),
        ({"space": {"width": [32, 1e13]}}, "/space/width/1", "width[1] is 1"),
        ({"budget": {"trials": 0}}, "/budget/trials", "1 or more"),
        ({"budget": {"seconds": 0}}, "/budget/seconds", "greater than 0"),
        ({"evaluation": {"test_fraction": 0.7}}, "/evaluation/test_fraction", "0.5 or less"),
    ],
)
def test_a_rule_is_told_in_words_of_the_person(
    api: TestClient, changes: dict[str, Any], pointer: str, words: str
) -> None:
    refused(api.post("/v1/studies", json={"dataset": "iris", **changes}), pointer, words)


def test_a_number_that_json_does_not_know_is_refused(api: TestClient) -> None:
    body = '{"dataset": "iris", "budget": {"seconds": NaN}}'
    answer = api.post("/v1/studies", content=body, headers={"Content-Type": "application/json"})
    refused(answer, "/budget/seconds", "JSON has no NaN")


def test_an_empty_key_is_no_key(api: TestClient) -> None:
    answer = api.post("/v1/studies", json={"dataset": "iris"}, headers={"Idempotency-Key": ""})
    refused(answer, "header:idempotency-key", "1 or more characters")


@pytest.mark.parametrize(
    ("form", "pointer", "words"),
    [
        ({"tsk": "binary"}, "/tsk", "did you mean 'task'"),
        ({"name": "a\x1b[31m"}, "/name", "control characters"),
        ({"name": "x" * 201}, "/name", "at most 200 characters"),
    ],
)
def test_a_form_is_read_as_strictly_as_json(
    api: TestClient, form: dict[str, str], pointer: str, words: str
) -> None:
    answer = api.post(
        "/v1/datasets", files={"file": ("t.csv", CSV)}, data={"target": "kind", **form}
    )
    refused(answer, pointer, words)


def test_a_file_must_be_one(api: TestClient) -> None:
    answer = api.post("/v1/datasets", data={"target": "kind", "file": CSV})
    refused(answer, "/file", "multipart/form-data")


def test_a_broken_form_is_a_sentence(api: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    answer = api.post("/v1/datasets", content=b"--x\r\n", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["detail"] == (
        "the request could not be read: Missing boundary in multipart; see /docs for an example"
    )


def test_a_table_of_uneven_rows_says_what_to_do(api: TestClient) -> None:
    answer = api.post(
        "/v1/datasets", files={"file": ("t.csv", f"{CSV}\n1,2,3,4,5")}, data={"target": "kind"}
    )
    refused(answer, "/file", "table: Expected 3 fields in line 42, saw 5", "quote fields")


def test_the_name_of_a_file_is_shown_without_its_control_characters(api: TestClient) -> None:
    answer = api.post(
        "/v1/datasets",
        files={"file": ("a\u202eb.csv", CSV.replace("kind", "sort"))},
        data={"target": "sort"},
    )
    assert answer.json()["name"] == "ab.csv"
