"""The OpenAPI document says of every route what it answers, and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings

DOCUMENT: dict[str, Any] = create_app(Settings()).openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
ANSWERS = [
    pytest.param(content, id=f"{operation} {status}")
    for operation, described in OPERATIONS.items()
    for status, response in described["responses"].items()
    for content in response.get("content", {}).values()
]


def check(value: Any, schema: dict[str, Any]) -> None:
    """Raise where `value` breaks `schema`, which may refer to the document's components."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_route_says_what_it_does_and_answers(operation: str) -> None:
    described = OPERATIONS[operation]
    assert described["summary"]
    assert described["description"]
    statuses = set(described["responses"])
    assert any(status.startswith("2") for status in statuses)
    assert statuses & {"500", "503"}
    if "{" in operation:
        assert statuses >= {"404", "422"}
    if "/v1/" in operation:
        assert "422" in statuses  # a misspelt query parameter at least
    if "requestBody" in described:
        assert statuses >= {"400", "413", "422"}
    for parameter in described.get("parameters", []):
        assert parameter["schema"]


@pytest.mark.parametrize("content", ANSWERS)
def test_every_answer_has_an_example_that_fits_its_schema(content: dict[str, Any]) -> None:
    check(content["example"], content["schema"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_example_shows_every_field(operation: str) -> None:
    for response in OPERATIONS[operation]["responses"].values():
        content = response.get("content", {}).get("application/json")
        if content is not None:
            name = content["schema"]["$ref"].rsplit("/", 1)[-1]
            schema = DOCUMENT["components"]["schemas"][name]
            assert set(content["example"]) == set(schema["properties"])


@pytest.mark.parametrize(
    ("operation", "status", "header"),
    [
        ("POST /v1/datasets", "201", "Location"),
        ("POST /v1/studies", "202", "Location"),
        ("GET /v1/studies/{study_id}/results", "200", "ETag"),
        ("GET /v1/studies/{study_id}/results", "304", "ETag"),
    ],
)
def test_headers_that_clients_need_are_described(operation: str, status: str, header: str) -> None:
    response = OPERATIONS[operation]["responses"][status]
    assert response["description"]
    assert response["headers"][header]["description"]


def test_errors_have_one_shape() -> None:
    assert "HTTPValidationError" not in str(DOCUMENT)


def test_the_examples_of_a_study_are_accepted(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(data_dir=tmp_path))) as client:
        examples = DOCUMENT["components"]["schemas"]["StudyModel"]["examples"]
        assert examples
        for example in examples:
            answer = client.post("/v1/studies", json=example)
            assert answer.status_code == 202, answer.text
            described = OPERATIONS["POST /v1/studies"]["responses"]["202"]
            check(answer.json(), described["content"]["application/json"]["schema"])


def test_operations_have_short_names_of_their_own() -> None:
    names = [described["operationId"] for described in OPERATIONS.values()]
    assert len(names) == len(set(names))
    assert {"create_study", "get_results", "add_dataset"} <= set(names)
    assert all(re.fullmatch(r"[a-z_]+", name) and "v1" not in name for name in names)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_comes_from_this_server(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert addresses
    assert all(client.get(each).status_code == 200 for each in addresses if each[0] != "#")
    assert "http" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"https?://", answer.text)
    assert client.get("/docs/assets/nope.js").status_code == 404
