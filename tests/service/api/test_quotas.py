"""As much is accepted as a deployment allows; the answer says which limit, and how to change it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings

STUDY: dict[str, Any] = {"dataset": "iris", "budget": {"trials": 100}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("small"),
        max_queued_studies=3,
        max_trials=500,
        max_datasets=2,
        max_stored_bytes=4_000,
    )
    with TestClient(create_app(settings)) as client:
        yield client


def refused(answer: Any, status: int, setting: str) -> None:
    assert answer.status_code == status, answer.text
    assert f"ACTIVATION_SEARCH_{setting}" in answer.json()["detail"]
    if status == 429:
        assert int(answer.headers["Retry-After"]) > 0


def test_so_many_studies_wait_even_if_all_are_posted_at_once(small: TestClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: small.post("/v1/studies", json=STUDY), range(12)))
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert len(accepted) == 3
    for answer in answers:
        if answer.status_code != 202:
            refused(answer, 429, "MAX_QUEUED_STUDIES")
    small.post(f"/v1/studies/{accepted[0]}/pause")
    again = small.post("/v1/studies", json=STUDY)
    assert again.status_code == 202
    refused(small.post(f"/v1/studies/{accepted[0]}/resume"), 429, "MAX_QUEUED_STUDIES")
    for study in (*accepted, again.json()["id"]):
        small.post(f"/v1/studies/{study}/cancel")
    assert small.post(f"/v1/studies/{accepted[1]}/extend", json={"trials": 5}).status_code == 202


@pytest.mark.parametrize(
    ("changes", "setting", "pointer"),
    [
        ({"space": {"width": 4096, "depth": 50}}, "MAX_PARAMETERS", "/space/width"),
        ({"space": {"width": [64, 4096], "depth": {"low": 1, "high": 50}}}, "MAX_PARAMETERS",
         "/space/width"),
        ({"budget": {"trials": 501}}, "MAX_TRIALS", "/budget/trials"),
        ({"budget": {"trials": 500, "epochs": 10_000}, "space": {"width": 1024},
          "evaluation": {"folds": 20}}, "MAX_STUDY_SECONDS", "/budget"),
        ({"evaluation": {"searches": 10, "confirm_top": 50, "confirm_repeats": 100, "folds": 20},
          "budget": {"trials": 500, "epochs": 10_000}, "space": {"width": 256}},
         "MAX_STUDY_SECONDS",
         "/budget"),
    ],
)  # fmt: skip
def test_a_study_beyond_any_machine_is_refused(
    small: TestClient, changes: dict[str, Any], setting: str, pointer: str
) -> None:
    answer = small.post("/v1/studies", json={**STUDY, **changes})
    refused(answer, 422, setting)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_an_extension_keeps_to_the_limit_of_trials(small: TestClient) -> None:
    body = {**STUDY, "name": "to be extended"}
    study = small.post("/v1/studies", json=body).json()["id"]
    small.post(f"/v1/studies/{study}/cancel")
    answer = small.post(f"/v1/studies/{study}/extend", json={"trials": 501})
    refused(answer, 422, "MAX_TRIALS")


def test_uploads_are_counted_and_weighed(small: TestClient) -> None:
    def upload(start: int, rows: int) -> Any:
        table = "a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(start, start + rows))
        return small.post("/v1/datasets", files={"file": ("t.csv", table)}, data={"target": "b"})

    first = upload(0, 100)
    assert first.status_code == 201
    refused(upload(0, 2000), 429, "MAX_STORED_BYTES")
    assert upload(1, 100).status_code == 201
    refused(upload(2, 100), 429, "MAX_DATASETS")
    assert upload(0, 100).json()["id"] == first.json()["id"]  # the same one, kept already
    small.delete(f"/v1/datasets/{first.json()['id']}")
    assert upload(2, 100).status_code == 201


def test_a_client_has_its_rate_and_others_have_theirs(settings: Settings) -> None:
    changes = {"reads_per_minute": 5, "writes_per_minute": 2}
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app) as mine, TestClient(app, client=("192.0.2.7", 1)) as theirs:
        answers = [mine.get("/v1/studies") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        refused(answers[-1], 429, "READS_PER_MINUTE")
        posts = [mine.post("/v1/studies", json=STUDY) for _ in range(3)]
        assert [answer.status_code for answer in posts] == [202, 202, 429]
        refused(posts[-1], 429, "WRITES_PER_MINUTE")
        assert 0 < int(posts[-1].headers["Retry-After"]) <= 60
        assert mine.get("/healthz").status_code == 200
        assert theirs.get("/v1/studies").status_code == 200
