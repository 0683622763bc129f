"""Whatever anyone sends: a documented answer of the documented shape, and never a 500."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.problems import PROBLEM_JSON
from service.api.schemas.study import EXAMPLE_FULL
from storage.sql.pagination import write_cursor
from storage.trials import ORDERS
from tests.service.api.test_openapi import OPERATIONS, check

#: Of the router itself, on whatever is no path or has a slash too many.
ROUTER = {"307", "404", "405"}
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 50)
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["relu", "kaiming_normal", "adamw", "iris", "1e400", "null", "\x00"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=6,
)
#: Cursors are opaque, and easily unpacked; the first key may be an order.
CURSORS = st.lists(SCALARS | st.sampled_from(ORDERS), min_size=1, max_size=3).map(
    lambda keys: write_cursor(*keys)
)
QUERY = (
    st.integers(-2, 2000).map(str)
    | st.text(max_size=12)
    | st.sampled_from(["nan", "1e999", *ORDERS])
    | CURSORS
)
#: A long wait is allowed, and no test.
WAIT = st.sampled_from(["0", "0.01", "-1", "61", "nan", "inf", "soon", ""])
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
SMALL: dict[str, Any] = {"dataset": "iris", "budget": {"trials": 3, "epochs": 2}}
BODIES: dict[str, Any] = {
    "POST /v1/studies": EXAMPLE_FULL,
    "POST /v1/studies/{study_id}/extend": {"trials": 3, "repeats": 2},
    "POST /v1/studies/{study_id}/predict": {"rows": [{"petal width (cm)": 0.2}]},
    "POST /v1/studies/{study_id}/trials": {
        "params": {"activation": "prelu", "prelu_slope": 0.2, "depth": 3, "learning_rate": 0.01}
    },
}
PATIENT = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def mutated(data: st.DataObject, example: Any) -> Any:
    """`example` with one to three of its parts replaced, removed or added to."""
    whole = {"body": copy.deepcopy(example)}
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(places(whole))))
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[key] = data.draw(ANYTHING)
            case "remove" if holder is not whole:
                del holder[key]
            case _ if isinstance(holder[key], dict):
                holder[key][data.draw(TEXT)] = data.draw(ANYTHING)
            case _ if isinstance(holder[key], list):
                holder[key].append(data.draw(ANYTHING))
    return whole["body"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in list(pairs):
        yield value, key
        if isinstance(each, dict | list):
            yield from places(each)


def assert_documented(operation: str, answer: Any) -> None:
    status = str(answer.status_code)
    assert answer.status_code < 500, answer.text
    responses = OPERATIONS[operation]["responses"]
    assert status in responses or status in ROUTER, answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == PROBLEM_JSON
        detail = answer.json()["detail"]
        assert len(detail.split()) >= 3
        assert "Traceback" not in detail
    content = responses.get(status, {}).get("content", {})
    for kind, described in content.items():
        if answer.headers["Content-Type"] == kind:
            check(answer.json(), described["schema"])


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o != "POST /v1/datasets"])
@PATIENT
@given(data=st.data())
def test_no_input_earns_a_500(
    api: TestClient, study: str, operation: str, data: st.DataObject
) -> None:
    method, path = operation.split(" ")
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    for parameter in OPERATIONS[operation].get("parameters", []):
        name, place = parameter["name"], parameter["in"]
        if place == "path":
            known = st.sampled_from([study, "iris", "0", "1", "-1"])
            value = data.draw(known | st.text(min_size=1, max_size=20))
            path = path.replace(f"{{{name}}}", quote(value, safe="").replace(".", "%2E"))
        elif data.draw(st.booleans()):
            if place == "header":
                headers[name] = data.draw(PRINTABLE)
            else:
                query[name] = data.draw(WAIT if name == "wait" else QUERY)
    if data.draw(st.integers(0, 9)) == 0:
        query[data.draw(st.text(min_size=1, max_size=8))] = data.draw(QUERY)
    content = None
    if operation in BODIES:
        body = data.draw(ANYTHING) if data.draw(st.booleans()) else mutated(data, BODIES[operation])
        unreadable = st.sampled_from([b"[" * 100_000, b"\xff", b"9" * 5000])
        is_readable = data.draw(st.integers(0, 9)) > 0
        content = json.dumps(body).encode() if is_readable else data.draw(unreadable)
        headers["Content-Type"] = "application/json"
    answer = api.request(method, path, params=query, headers=headers, content=content)
    assert_documented(operation, answer)


@settings(PATIENT, max_examples=150)
@given(data=st.data())
def test_a_study_is_refused_or_can_be_read_again(api: TestClient, data: st.DataObject) -> None:
    answer = api.post("/v1/studies", content=json.dumps(mutated(data, EXAMPLE_FULL)),
                         headers={"Content-Type": "application/json"})  # fmt: skip
    assert_documented("POST /v1/studies", answer)
    if answer.status_code == 202:
        study = answer.json()
        assert api.get(f"/v1/studies/{study['id']}").json() == study
        results = api.get(f"/v1/studies/{study['id']}/results")
        assert_documented("GET /v1/studies/{study_id}/results", results)
        # What was understood is itself a study.
        assert api.post("/v1/studies", json=study["spec"]).status_code == 202


CELLS = st.sampled_from(["1", "2.5", "-3e4", "", "NaN", "inf", "yes", "no", "ä", '"', "1e999", "x"])
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=40).map(
    lambda rows: "\n".join(["a,b,c", *rows]).encode()
)


@settings(PATIENT, max_examples=60)
@given(
    content=st.binary(max_size=200) | TABLES | TABLES.map(lambda t: b"PAR1" + t),
    target=st.sampled_from(["a", "b", "c", "d"]) | st.text(max_size=5),
    task=st.sampled_from([None, "regression", "binary", "multiclass", "clustering"]),
    name=st.text(max_size=10),
)
def test_no_upload_earns_a_500(
    api: TestClient, content: bytes, target: str, task: str | None, name: str
) -> None:
    form = {"target": target, "name": name} | ({} if task is None else {"task": task})
    answer = api.post("/v1/datasets", files={"file": ("table.csv", content)}, data=form)
    assert_documented("POST /v1/datasets", answer)
    if answer.status_code == 201:
        dataset = answer.json()["id"]
        assert api.get(f"/v1/datasets/{dataset}").json() == answer.json()
        posted = api.post("/v1/studies", json={"dataset": dataset})
        assert_documented("POST /v1/studies", posted)


def test_a_body_larger_than_allowed_is_refused_stated_or_not(api: TestClient) -> None:
    large = json.dumps({"dataset": "x" * 2**20}).encode()
    for content in (large, iter([large[: 2**19], large[2**19 :]])):
        answer = api.post(
            "/v1/studies", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413, answer.text
        assert_documented("POST /v1/studies", answer)
