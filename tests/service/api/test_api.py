"""The wire format, route by route, against a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from service.api.app import create_app
from service.settings import Settings
from storage import open_database
from storage.sql.tables import DATASETS

CSV = "x,y,kind\n" + "\n".join(f"{i * i % 11},{i % 7},{'ab'[i % 2]}" for i in range(40))


def post_study(client: TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/studies", json={"dataset": "iris", **fields})
    assert answer.status_code == 202, answer.text
    study: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/studies/{study['id']}"
    return study


def assert_problem(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    for word in words:
        assert word in body["detail"]


def test_health_and_metrics_answer(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "alive"
    assert client.get("/readyz").json()["database"] is True
    assert "python_info" in client.get("/metrics").text


def test_readiness_needs_the_worker_that_was_promised(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(data_dir=tmp_path), expects_worker=True)) as client:
        assert_problem(client.get("/readyz"), 503, "no worker", "log")


def test_readiness_needs_the_database(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sql.database.Database.ping", lambda _: False)
    assert_problem(client.get("/readyz"), 503, "the database does not answer")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("activations", {"relu", "prelu", "softmax", "identity"}),
        ("initializers", {"xavier_uniform", "torch_default"}),
        ("samplers", {"tpe", "grid"}),
        ("pruners", {"none", "successive_halving"}),
        ("findings", {"dying_relu", "vanishing_gradients", "overfitting"}),
    ],
)
def test_the_catalog_lists_what_a_study_may_name(
    client: TestClient, path: str, names: set[str]
) -> None:
    assert names <= {row["name"] for row in client.get(f"/v1/{path}").json()["items"]}


def test_a_study_is_queued_shown_and_listed(client: TestClient) -> None:
    study = post_study(client, name="which?")
    assert study["state"] == "queued"
    assert client.get(f"/v1/studies/{study['id']}").json() == study
    assert client.get("/v1/studies?state=queued").json()["items"] == [study]
    assert client.get("/v1/studies?state=running").json()["items"] == []


def test_the_same_key_gives_the_same_study(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/studies", json={"dataset": "iris"}, headers=headers).json()
    again = client.post("/v1/studies", json={"dataset": "iris"}, headers=headers).json()
    assert first["id"] == again["id"]
    other = client.post("/v1/studies", json={"dataset": "wine"}, headers=headers)
    assert_problem(other, 409)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"dataset": "digitz"}, ["did you mean 'digits'"]),
        ({"dataset": "iris", "space": {"activation": ["rleu"]}}, ["did you mean 'relu'"]),
        ({"dataset": "iris", "space": {"dept": 3}}, ["did you mean 'depth'"]),
        ({"dataset": "iris", "objectives": ["r2"]}, ["does not fit"]),
        ({"dataset": "iris", "evaluation": {"folds": 21}}, ["21"]),
        ({"dataset": "iris", "sampler": {"name": "tpee"}}, ["did you mean 'tpe'"]),
        ({"dataset": "iris", "pruner": {"name": "medan"}}, ["did you mean 'median'"]),
        ({"dataset": "iris", "sampler": {"name": "grid"}}, ["learning_rate"]),
        ({"dataset": "iris", "task": "binary"}, ["binary"]),
        ({"dataset": "iris", "bugdet": {}}, ["did you mean 'budget'"]),
        ({}, ["required"]),
        ([], []),
    ],
)
def test_what_is_wrong_with_a_study_is_said_at_the_door(
    client: TestClient, body: Any, words: list[str]
) -> None:
    answer = client.post("/v1/studies", json=body)
    assert_problem(answer, 422, *words)
    assert answer.json()["errors"]
    assert client.get("/v1/studies").json()["items"] == []


def test_a_body_that_is_not_json_is_a_problem(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    assert_problem(client.post("/v1/studies", content="{", headers=headers), 422, "JSON")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/studies/st_nothing", 404),
        ("GET", "/v1/studies/st_nothing/results", 404),
        ("GET", "/v1/studies/st_nothing/results?wait=1", 404),
        ("GET", "/v1/studies/st_nothing/trials", 404),
        ("GET", "/v1/studies/st_nothing/trials/0", 404),
        ("POST", "/v1/studies/st_nothing/pause", 404),
        ("GET", "/v1/datasets/ds_nothing", 404),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/studies", 405),
        ("GET", "/v1/studies?limit=0", 422),
        ("GET", "/v1/studies?cursor=x", 422),
        ("DELETE", "/v1/datasets/iris", 409),
    ],
)
def test_errors_are_problems(client: TestClient, method: str, path: str, status: int) -> None:
    assert_problem(client.request(method, path), status)


def test_a_method_that_is_not_allowed_is_told_those_that_are(client: TestClient) -> None:
    for path, allowed in (("/v1/studies", "GET, POST"), ("/v1/datasets/iris", "DELETE, GET")):
        answer = client.put(path)
        assert_problem(answer, 405)
        assert answer.headers["Allow"] == allowed


def test_a_queued_study_can_be_paused_resumed_cancelled_and_deleted(client: TestClient) -> None:
    here = f"/v1/studies/{post_study(client)['id']}"
    assert client.post(f"{here}/pause").json()["state"] == "paused"
    assert_problem(client.post(f"{here}/pause"), 409)
    assert client.post(f"{here}/resume").json()["state"] == "queued"
    assert client.post(f"{here}/cancel").json()["state"] == "cancelled"
    assert_problem(client.post(f"{here}/resume"), 409)
    assert client.delete(here).status_code == 204
    assert_problem(client.get(here), 404)


def test_results_have_an_etag_and_wait_for_news(client: TestClient) -> None:
    here = f"/v1/studies/{post_study(client)['id']}/results"
    first = client.get(here)
    assert first.json()["best"] is None
    assert first.json()["progress"]["trials_finished"] == 0
    etag = {"If-None-Match": first.headers["ETag"]}
    assert client.get(here, headers=etag).status_code == 304
    assert client.get(here, params={"wait": 0.3}, headers=etag).status_code == 304


def test_an_etag_is_known_again_in_a_list_and_made_weak_by_a_proxy(client: TestClient) -> None:
    here = f"/v1/studies/{post_study(client)['id']}/results"
    etag = client.get(here).headers["ETag"]
    for known in (f"W/{etag}", f'"0", {etag}', f'W/{etag} , "x"', "*"):
        assert client.get(here, headers={"If-None-Match": known}).status_code == 304
    for other in ('"0"', '""', "W/", etag.replace('"', '"1')):
        assert client.get(here, headers={"If-None-Match": other}).status_code == 200
    weak = {"If-None-Match": f"W/{etag}"}
    assert client.get(here, params={"wait": 0.2}, headers=weak).status_code == 304


def test_a_request_is_checked_against_the_space(client: TestClient) -> None:
    here = f"/v1/studies/{post_study(client)['id']}/trials"
    good = client.post(here, json={"params": {"activation": "swish", "depth": 2}})
    assert good.status_code == 202
    assert good.json()["params"] == {"activation": "silu", "depth": 2}
    assert_problem(client.post(here, json={"params": {"depth": 99}}), 422, "99")
    assert_problem(client.post(here, json={"params": {"activation": "celu"}}), 422, "celu")
    assert client.get(here).json() == {"items": [], "next_cursor": None}


def test_a_table_is_uploaded_studied_and_kept_while_needed(client: TestClient) -> None:
    answer = client.post("/v1/datasets", files={"file": ("t.csv", CSV)}, data={"target": "kind"})
    assert answer.status_code == 201, answer.text
    dataset = answer.json()
    assert (dataset["task"], dataset["rows"], dataset["features"]) == ("binary", 40, 2)
    listed = client.get("/v1/datasets").json()["items"]
    assert {"digits", "iris", "wine", "breast_cancer", "diabetes", dataset["id"]} == {
        row["id"] for row in listed
    }
    study = post_study(client, dataset=dataset["id"])
    assert_problem(client.delete(f"/v1/datasets/{dataset['id']}"), 409)
    client.post(f"/v1/studies/{study['id']}/cancel")
    assert client.delete(f"/v1/datasets/{dataset['id']}").status_code == 204


def test_a_dataset_is_described_without_reading_its_file(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CSV + "\n1,2,"
    answer = client.post("/v1/datasets", files={"file": ("t.csv", table)}, data={"target": "kind"})
    dataset = answer.json()
    assert dataset["class_counts"] == [20, 20]
    assert dataset["notes"][0] == "1 rows without a value of 'kind' were left out"
    monkeypatch.delattr("storage.datasets.Datasets.content")
    assert client.get(f"/v1/datasets/{dataset['id']}").json() == dataset
    assert client.get("/v1/datasets").json()["items"][-1] == dataset
    post_study(client, dataset=dataset["id"])


def test_a_dataset_of_an_older_version_is_described_too(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/v1/datasets", files={"file": ("t.csv", CSV)}, data={"target": "kind"})
    dataset = answer.json()
    database = open_database(Settings(data_dir=tmp_path).database)
    with database.writing() as connection:
        connection.execute(update(DATASETS).values(class_counts=None, notes=None))
    database.close()
    assert client.get(f"/v1/datasets/{dataset['id']}").json() == dataset
    assert client.get("/v1/datasets").json()["items"][-1] == dataset


def test_a_bad_table_is_a_sentence(client: TestClient) -> None:
    answer = client.post("/v1/datasets", files={"file": ("t.csv", CSV)}, data={"target": "kin"})
    assert_problem(answer, 422, "did you mean 'kind'")
    assert_problem(client.post("/v1/datasets", data={"target": "kind"}), 422, "required")


def test_the_dashboard_reads_but_does_not_write(client: TestClient) -> None:
    post_study(client, name="seen in the dashboard")
    assert client.get("/dashboard").status_code == 200
    names = [row["study_name"] for row in client.get("/api/studies").json()["study_summaries"]]
    assert any("seen in the dashboard" in name for name in names)
    assert_problem(client.delete("/api/studies/1"), 403, "read-only")


def test_openapi_names_every_route_and_its_errors(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert len(document["paths"]) >= 17
    codes = document["paths"]["/v1/studies"]["post"]["responses"]
    assert {"202", "409", "422", "500"} <= set(codes)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/csv/{'9' * 30}", 404),
        (f"/api/studies/{2**31}", 404),
        ("/api/studies/1?after=x", 422),
        ("/csv/1?trial_ids=1,b", 422),
    ],
)
def test_the_dashboard_does_not_fail_on_numbers_that_are_none(
    client: TestClient, path: str, status: int
) -> None:
    assert_problem(client.get(path), status)


def test_there_is_an_icon(client: TestClient) -> None:
    assert client.get("/favicon.ico").headers["Content-Type"].startswith("image/svg")


def upload(client: TestClient, name: str, text: str = CSV) -> str:
    answer = client.post(
        "/v1/datasets", data={"target": "kind", "name": name}, files={"file": ("t.csv", text)}
    )
    assert answer.status_code == 201, answer.text
    dataset_id: str = answer.json()["id"]
    return dataset_id


def test_a_dataset_may_be_called_by_its_name(client: TestClient) -> None:
    dataset_id = upload(client, "plants")
    study = post_study(client, dataset="plants")
    assert study["dataset"] == dataset_id
    assert study["name"] == "plants, which activation?"
    assert post_study(client)["name"] == "iris, which activation?"
    upload(client, "plants", CSV + "\n1,2,a")
    answer = client.post("/v1/studies", json={"dataset": "plants"})
    assert_problem(answer, 422, "2 datasets are called 'plants'", dataset_id)


def test_a_dataset_in_use_says_which_studies_need_it(client: TestClient) -> None:
    dataset_id = upload(client, "plants")
    studies = [post_study(client, dataset=dataset_id, name=name)["id"] for name in ("one", "two")]
    answer = client.delete(f"/v1/datasets/{dataset_id}")
    assert_problem(answer, 409, *studies, "(one)", "(two)", "cancel or delete them first")


@pytest.mark.parametrize(
    ("written", "way_out"),
    [("{}", "give task 'regression'"), ("name {}", "put rare ones together")],
)
def test_thousands_of_values_are_no_classes(client: TestClient, written: str, way_out: str) -> None:
    lines = [f"{n % 7},{written.format(n % 1200)}" for n in range(2400)]
    answer = client.post(
        "/v1/datasets",
        data={"target": "kind", "task": "multiclass"},
        files={"file": ("t.csv", "\n".join(["height,kind", *lines]))},
    )
    assert_problem(answer, 422, "1200 different values", "at most 1000 classes", way_out)
