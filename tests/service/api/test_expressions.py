"""Activations of a person's own over HTTP: checked, studied, refused, shown as they were asked."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.service.api.test_refusals import refused
from tests.service.processes import Server

SWISH: dict[str, Any] = {
    "name": "my_swish",
    "expression": "x * sigmoid(beta * x)",
    "parameters": {"beta": {"default": 1.0, "low": 0.1, "high": 3.0, "log": True, "learned": True}},
}
SMALL: dict[str, Any] = {
    "budget": {"trials": 16, "epochs": 6},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def test_facts_of_an_expression(client: TestClient) -> None:
    answer = client.post("/v1/activations/check", json=SWISH)
    assert answer.status_code == 200, answer.text
    facts = answer.json()
    listed = {row["name"]: row for row in client.get("/v1/activations").json()["items"]}
    assert facts["gain"] == pytest.approx(listed["silu"]["gain"])
    assert facts["axes"] == ["my_swish_beta"]
    assert facts["warnings"] == []
    at = facts["curve"]["x"].index(1.0)
    assert facts["curve"]["y"][at] == pytest.approx(0.7310585786)
    assert facts["curve"]["slope"][at] == pytest.approx(0.9276705118)


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"expression": "x.__class__"}, "/expression", "means nothing in an expression"),
        ({"expression": "1/x*beta"}, "/expression", "infinite at x = 0"),
        ({"expression": "x" * 1001}, "/expression", "at most 1000 characters"),
        ({"expression": 3}, "/expression", "must be a text"),
        ({"name": "relu"}, "/name", "listed activation"),
        ({"parameters": {}}, "/expression", "'beta' at character 13 is not known"),
        ({"parameters": {"beta": {"default": 9, "low": 1, "high": 2}}}, "/parameters/beta",
         "must lie in [1, 2]"),
        ({"parameters": {"beta": {}}}, "/parameters/beta/default", "is required"),
    ],
)  # fmt: skip
def test_an_expression_is_refused_with_the_reason(
    client: TestClient, change: dict[str, Any], pointer: str, words: str
) -> None:
    refused(client.post("/v1/activations/check", json={**SWISH, **change}), pointer, words)


def test_a_study_keeps_its_expressions_as_they_were_asked_for(client: TestClient) -> None:
    space = {"activation": ["relu", SWISH], "my_swish_beta": [0.5, 1.0]}
    answer = client.post("/v1/studies", json={"dataset": "iris", "space": space})
    assert answer.status_code == 202, answer.text
    assert client.get(answer.headers["Location"]).json()["spec"]["space"]["activation"] == [
        "relu",
        SWISH,
    ]


def test_one_expression_alone_is_a_study(client: TestClient) -> None:
    answer = client.post("/v1/studies", json={"dataset": "iris", "space": {"activation": SWISH}})
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"]["space"]["activation"] == [SWISH]


@pytest.mark.parametrize(
    ("space", "pointer", "words"),
    [
        ({"activation": [SWISH, SWISH]}, "/space/activation", "two expressions are called"),
        ({"activation": [{**SWISH, "expression": "x +"}]}, "/space/activation", "its end"),
        ({"depth": [SWISH]}, "/space", "only the axis activation may have expressions"),
        ({"activation": [{"name": "a"}]}, "/space/activation/0/expression", "is required"),
    ],
)
def test_a_study_with_a_bad_expression_is_refused(
    client: TestClient, space: dict[str, Any], pointer: str, words: str
) -> None:
    answer = client.post("/v1/studies", json={"dataset": "iris", "space": space})
    refused(answer, pointer, words)


def test_an_expression_of_ones_own_gets_a_verdict(server: Server) -> None:
    space = {"activation": ["relu", SWISH], "depth": [1, 2]}
    study_id = server.start(dataset="iris", space=space, **SMALL)
    results = server.finish(study_id)
    arms = {row["activation"] for row in results["verdict"]["comparisons"]}
    assert arms == {"relu", "my_swish"}
    place = f"/v1/studies/{study_id}/trials"
    mine = server.client.get(place, params={"activation": "my_swish"}).json()["items"]
    assert mine
    assert all(0.1 <= trial["params"]["my_swish_beta"] <= 3.0 for trial in mine)
    unknown = server.client.get(place, params={"activation": "my_swich"})
    refused(unknown, "query:activation", "did you mean 'my_swish'?")


def test_the_network_of_an_expression_alone_predicts(server: Server) -> None:
    study_id = server.start(dataset="iris", **SMALL, space={"activation": SWISH, "depth": 1})
    assert server.finish(study_id)["best"]["params"]["activation"] == "my_swish"
    row = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5,
           "petal length (cm)": 1.4, "petal width (cm)": 0.2}  # fmt: skip
    answer = server.client.post(f"/v1/studies/{study_id}/predict", json={"rows": [row]})
    assert answer.status_code == 200, answer.text
    assert sum(answer.json()["predictions"][0]["probabilities"].values()) == pytest.approx(1.0)
