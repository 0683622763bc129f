"""What this service adds to the dashboard's answers, on a recorded database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from fastapi.testclient import TestClient

from search.analysis.figures import FIGURES
from service.api.app import create_app
from service.api.study_documents import study_document
from service.pages.static_files import static_url
from service.settings import Settings
from storage import Database, Results
from storage.results import write_results
from tests.service.recorded import ANSWERS, STUDY, recorded_settings

RESULTS = ANSWERS[f"/v1/studies/{STUDY}/results"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return recorded_settings(tmp_path)


@pytest.fixture
def place(client: TestClient) -> str:
    """The id of the recorded study in Optuna's tables."""
    link: str = client.get(f"/v1/studies/{STUDY}").json()["links"]["dashboard"]
    return link.rsplit("/", 1)[1]


@pytest.fixture
def shown(client: TestClient, place: str) -> Any:
    """The dashboard's answer for the recorded study."""
    return client.get(f"/api/studies/{place}").json()


def test_the_note_has_the_verdict_the_arms_the_dataset_and_links(
    client: TestClient, shown: Any
) -> None:
    note = shown["note"]["body"]
    plain = note.replace("\\", "")
    first, *others = RESULTS["verdict"]["sentence"].split("; ")
    assert plain.startswith(f"**{first}**\n\n- {others[0]}")
    assert all(f"- {clause}" in plain for clause in others)
    for row in RESULTS["verdict"]["comparisons"]:
        assert f"| {row['activation']} |" in plain
    dataset = client.get(f"/v1/studies/{STUDY}").json()["dataset"]
    assert client.get(f"/v1/datasets/{dataset}").json()["name"] in plain
    for path in [part.split(")")[0] for part in note.split("](")[1:]]:
        assert client.get(path).status_code == 200, path


def test_a_trial_says_what_was_found_wrong_with_it(client: TestClient, shown: Any) -> None:
    flagged = 0
    for trial in shown["trials"]:
        number = trial["number"]
        note = trial["note"]["body"].replace("\\", "")
        findings = client.get(f"/v1/studies/{STUDY}/trials/{number}").json()["findings"]
        flagged += bool(findings)
        for finding in findings:
            assert finding["sentence"] in note
        assert ("Nothing was found wrong" in note) is not bool(findings)
        assert f"(/studies/{STUDY}?trial={number})" in note
    assert flagged


def test_the_figures_are_those_of_the_report(client: TestClient, shown: Any) -> None:
    services = client.app.state.services  # type: ignore[attr-defined]  # FastAPI's
    figures = study_document(services, STUDY).figures
    drawn = {each["id"]: json.loads(each["graph_object"]) for each in shown["plotly_graph_objects"]}
    assert list(drawn) == [name.value for name in figures]
    for name, figure in figures.items():
        assert drawn[name]["data"] == json.loads(json.dumps(figure["data"]))
        assert drawn[name]["layout"]["title"]["text"] == FIGURES[name].title


def test_the_importances_are_those_of_the_report(
    client: TestClient, database: Database, place: str
) -> None:
    path = f"/api/studies/{place}/param_importances"
    assert client.get(path).json() == {"param_importances": [[]]}
    shares = {"learning_rate": 0.6, "activation": 0.25}
    results = replace(Results(database).get(STUDY).results, importances=shares)
    with database.writing() as connection:
        write_results(connection, STUDY, results, datetime.now(UTC))
    assert client.get(f"/v1/studies/{STUDY}/results").json()["importances"] == shares
    (shown,) = client.get(path).json()["param_importances"]
    assert [tuple(each.values()) for each in shown] == [
        ("learning_rate", 0.6, "FloatDistribution"),
        ("activation", 0.25, "CategoricalDistribution"),
    ]


def test_network_trials_report_and_curves_are_artifacts(
    client: TestClient, place: str, shown: Any
) -> None:
    assert client.get("/api/meta").json()["artifact_is_available"] is True
    offered = {each["artifact_id"]: each for each in shown["artifacts"]}
    assert set(offered) == {"report", "trials", "pytorch", "onnx", "keras", "json"}
    for name in ("report", "trials", "pytorch", "json"):
        answer = client.get(f"/artifacts/{place}/{name}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].split(";")[0] == offered[name]["mimetype"]
    assert client.get(f"/artifacts/{place}/nope").status_code == 404
    trial = shown["trials"][1]
    (curves,) = trial["artifacts"]
    address = f"/artifacts/{place}/{trial['trial_id']}/{curves['artifact_id']}"
    assert client.get(address).json() == client.get(f"/v1/studies/{STUDY}/trials/1").json()


def test_what_was_added_follows_the_study(
    client: TestClient, database: Database, place: str, shown: Any
) -> None:
    assert client.get(f"/api/studies/{place}").json()["note"] == shown["note"]
    answer = client.post(f"/v1/studies/{STUDY}/extend", json={"repeats": 1})
    assert answer.status_code == 202
    again = client.get(f"/api/studies/{place}").json()["note"]
    assert again["version"] > shown["note"]["version"]


def test_a_study_that_is_not_of_this_service_is_shown_as_it_is(
    client: TestClient, database: Database
) -> None:
    storage = database.optuna_storage()
    foreign = optuna.create_study(storage=storage, study_name="somebody's own")
    foreign.add_trial(
        optuna.trial.create_trial(
            params={"x": 1.0}, distributions={"x": optuna.distributions.FloatDistribution(0, 2)},
            value=1.0,
        )
    )  # fmt: skip
    shown = client.get(f"/api/studies/{foreign._study_id}").json()
    storage.engine.dispose()
    assert (shown["name"], shown["note"]["body"]) == ("somebody's own", "")
    assert client.get("/api/studies/99999").status_code == 404
    assert client.get("/artifacts/99999/report").status_code == 404


def test_what_is_refused_is_hidden_unless_it_is_allowed(settings: Settings, tmp_path: Path) -> None:
    link = static_url("dashboard.css")
    for is_writable in (False, True):
        chosen = settings.model_copy(update={"dashboard_writable": is_writable})
        with TestClient(create_app(chosen)) as client:
            assert (link in client.get("/dashboard").text) is not is_writable
            assert (link in client.get("/dashboard/studies/1").text) is not is_writable


def test_a_note_by_a_person_is_kept(settings: Settings) -> None:
    chosen = settings.model_copy(update={"dashboard_writable": True})
    with TestClient(create_app(chosen)) as client:
        answer = client.put("/api/studies/1/note", json={"version": 1, "body": "mine"})
        assert answer.status_code == 204, answer.text
        assert client.get("/api/studies/1").json()["note"]["body"] == "mine"
