"""Predictions over HTTP: JSON and CSV, what is refused, and that no torch is loaded for them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from search.errors import NotFound
from search.study import Task
from service.api.trials_table import trials_csv
from storage import Database, Studies, Trials
from tests.search.archives import Made, as_csv, make_archive
from tests.service.winners import finished_study


@pytest.fixture(scope="module")
def made() -> Made:
    return make_archive(Task.MULTICLASS)


@pytest.fixture
def study(client: TestClient, database: Database, made: Made) -> str:
    return finished_study(client, database, made)


def test_rows_in_csv_are_answered_in_csv(client: TestClient, study: str, made: Made) -> None:
    answer = client.post(
        f"/v1/studies/{study}/predict",
        content=as_csv(made.table.drop(columns="size")),
        headers={"Content-Type": "text/csv; charset=utf-8"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    table = pd.read_csv(io.BytesIO(answer.content))
    expected = made.oracle(made.dataset.features.assign(size=np.nan))
    np.testing.assert_allclose(table.iloc[:, 1:], expected, atol=1e-12)
    warnings = json.loads(answer.headers["Prediction-Warnings"])
    assert warnings[0] == "column 'size' is absent and counts as missing in every row"


def test_rows_in_json_are_answered_in_json(client: TestClient, study: str, made: Made) -> None:
    rows = made.table.head(3).to_dict("records")
    answer = client.post(f"/v1/studies/{study}/predict", params={"trial": 1}, json={"rows": rows})
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    expected = made.oracle(made.dataset.features.head(3))
    got = [list(each["probabilities"].values()) for each in predictions]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    classes = made.dataset.classes
    assert [p["prediction"] for p in predictions] == [classes[i] for i in expected.argmax(axis=1)]


@pytest.mark.parametrize(
    ("query", "body", "kind", "status", "said"),
    [
        ("?trial=0", '{"rows": [{"size": 1}]}', "application/json", 409, "start a study on the"),
        ("?trial=7", '{"rows": [{"size": 1}]}', "application/json", 404, "no trial"),
        ("", '{"rows": []}', "application/json", 422, "1 or more"),
        ("", '{"rows": [{"size": [1]}]}', "application/json", 422, "a text, a number"),
        ("", '{"row": [{"size": 1}]}', "application/json", 422, "did you mean 'rows'"),
        ("", '{"rows": [{"colour": 1}]}', "application/json", 422, "column 'colour' is not of"),
        ("", '{"rows"', "application/json", 422, "not JSON"),
        ("", "size\n", "text/plain", 422, "'text/plain'"),
        ("", "colour\n1\n", "text/csv", 422, "column 'colour' is not of"),
        ("", "", "text/csv", 422, "empty"),
        ("", '{"rows": [{"size": "%s"}]}' % ("1" * 2**20), "application/json", 413, "larger"),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_a_sentence(
    client: TestClient, study: str, query: str, body: str, kind: str, status: int, said: str
) -> None:
    answer = client.post(
        f"/v1/studies/{study}/predict{query}", content=body, headers={"Content-Type": kind}
    )
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


def test_a_study_without_a_network_says_when_there_will_be_one(client: TestClient) -> None:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    answer = client.post(f"/v1/studies/{study}/predict", json={"rows": [{"x": 1}]})
    assert answer.status_code == 409
    assert "has not ended; wait for its results" in answer.json()["detail"]
    client.post(f"/v1/studies/{study}/cancel")
    answer = client.post(f"/v1/studies/{study}/predict", json={"rows": [{"x": 1}]})
    assert "extend it by repeats" in answer.json()["detail"]


def test_the_api_predicts_and_exports_without_torch(tmp_path: Path, made: Made) -> None:
    (tmp_path / "archive").write_bytes(made.blob)
    code = """
import sys
import zipfile
from pathlib import Path
from fastapi.testclient import TestClient
from service.api.app import create_app
from service.settings import Settings
from storage.sql.tables import WINNERS
folder = Path(sys.argv[1])
with TestClient(create_app(Settings(data_dir=folder))) as client:
    study = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    with client.app.state.services.database.writing() as connection:
        blob = (folder / "archive").read_bytes()
        connection.execute(WINNERS.insert().values(study_id=study, content=blob))
    answer = client.post(f"/v1/studies/{study}/predict", json={"rows": [{"size": 1.5}]})
    exported = client.get(f"/v1/studies/{study}/export/pytorch")
print(answer.status_code, exported.status_code, *{name.split(".")[0] for name in sys.modules})
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    *statuses, loaded = done.stdout.split(maxsplit=2)
    assert statuses == ["200", "200"]
    assert not {"torch", "numba"} & set(loaded.split())


def test_the_network_is_exported_as_a_file(client: TestClient, study: str) -> None:
    answer = client.get(f"/v1/studies/{study}/export/pytorch")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    assert f'filename="{study}-pytorch.zip"' in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as folder:
        assert f"The network that study {study} recommends" in folder.read("README.md").decode()


def test_an_export_of_another_library_is_made_apart_from_this_process(
    client: TestClient, study: str
) -> None:
    answer = client.get(f"/v1/studies/{study}/export/keras")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as folder:
        assert "model.keras" in folder.namelist()


def test_what_cannot_be_exported_is_refused_in_a_sentence(client: TestClient, study: str) -> None:
    answer = client.get(f"/v1/studies/{study}/export/pytorsh")
    assert answer.status_code == 422
    assert "pytorch" in answer.json()["detail"]
    other = client.post("/v1/studies", json={"dataset": "wine"}).json()["id"]
    assert client.get(f"/v1/studies/{other}/export/pytorch").status_code == 409
    assert client.get("/v1/studies/st_x/export/pytorch").status_code == 404


def test_a_table_is_read_before_it_is_promised(study: str, database: Database) -> None:
    whole = b"".join(trials_csv(Trials(database), study, objectives=1))
    pieces = trials_csv(Trials(database), study, objectives=1)
    Studies(database).delete(study)
    assert b"".join(pieces) == whole
    with pytest.raises(NotFound):
        trials_csv(Trials(database), study, objectives=1)


def test_all_trials_are_a_table(client: TestClient, study: str) -> None:
    answer = client.get(f"/v1/studies/{study}/trials.csv")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    table = pd.read_csv(io.BytesIO(answer.content), keep_default_na=False)
    items = client.get(f"/v1/studies/{study}/trials").json()["items"]
    assert table["number"].tolist() == [trial["number"] for trial in items] == [0, 1]
    for row, trial in zip(table.to_dict("records"), items, strict=True):
        assert row["value"] == pytest.approx(trial["value"])
        for name, value in trial["params"].items():
            assert str(row[name]) == ("" if value is None else str(value)), name
        for name, value in trial["metrics"].items():
            assert float(row[f"metric_{name}"]) == pytest.approx(value)
    assert client.get("/v1/studies/st_x/trials.csv").status_code == 404
