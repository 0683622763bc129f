"""A winner is trained again from its export of format json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.study import Task
from storage import Database
from tests.search.archives import as_csv, mixed_table
from tests.service.cli.test_main import run
from tests.service.winners import trained_study


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVATION_SEARCH_PROCESSES", "1")


def exported(client: TestClient, study: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    answer = client.get(f"/v1/studies/{study}/export/json")
    assert answer.status_code == 200, answer.text
    file = folder / "winner.json"
    file.write_bytes(answer.content)
    return file, answer.json()


def test_every_score_comes_out_the_same_or_is_named(
    client: TestClient,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = trained_study(client, database)
    file, story = exported(client, study, tmp_path)
    results = client.get(f"/v1/studies/{study}/results").json()
    assert story["study"]["id"] == study
    assert story["scores"]["test"]
    assert len(story["scores"]["confirmation"]) == 4
    assert story["scores"]["trial"]["log_loss"] > 0
    assert results["state"] == "completed"
    elsewhere = ("--data-dir", str(tmp_path / "elsewhere"))
    code, out, _ = run(monkeypatch, capsys, "reproduce", str(file), *elsewhere)
    assert "scores and the weights came out the same, to the last digit" in " ".join(out.split())
    assert code == 0

    story["scores"]["confirmation"][1]["accuracy"] += 0.25
    story["scores"]["trial"]["log_loss"] *= 1 + 1e-9
    story["versions"]["numpy"] = "1.0"
    story["weights_sha256"] = "0" * 64
    file.write_text(json.dumps(story))
    code, out, _ = run(monkeypatch, capsys, "reproduce", str(file), *elsewhere)
    said = " ".join(out.split())
    assert code == 1
    assert "2 of" in said
    assert "scores differ, 1 of them by more than rounding; the weights differ" in said
    assert "numpy 1.0 (here" in said


def test_a_table_of_ones_own_is_asked_for_and_checked(
    client: TestClient,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = as_csv(mixed_table(Task.REGRESSION, rows=80))
    form = {"target": "target", "columns": '{"id": "ignore"}'}
    posted = client.post("/v1/datasets", files={"file": ("t.csv", content)}, data=form)
    study = trained_study(client, database, dataset=posted.json()["id"])
    file, story = exported(client, study, tmp_path)
    assert story["dataset"]["roles"] == {"id": "ignore"}
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    elsewhere = ("--data-dir", str(tmp_path / "elsewhere"))
    code, _, err = run(monkeypatch, capsys, "reproduce", str(file), *elsewhere)
    assert (code, "give the file by --table" in " ".join(err.split())) == (1, True)
    code, out, _ = run(
        monkeypatch, capsys, "reproduce", str(file), "--table", str(table), *elsewhere
    )
    assert code == 0, out
    # The database of the study has the table itself.
    code, _, _ = run(monkeypatch, capsys, "reproduce", str(file), "--data-dir", str(tmp_path))
    assert code == 0
    table.write_bytes(content + b"5,0,0,true,01.01.2020,a,city 1,5\n")
    code, _, err = run(
        monkeypatch, capsys, "reproduce", str(file), "--table", str(table), *elsewhere
    )
    assert (code, "not the table that the network was trained on" in " ".join(err.split())) == (
        1,
        True,
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [("[1]", "no export of format 'json'"), ("{", "cannot be read as JSON")],
)
def test_what_is_no_export_is_refused(
    content: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "winner.json"
    file.write_text(content)
    code, _, err = run(monkeypatch, capsys, "reproduce", str(file))
    assert code == 1
    assert said in " ".join(err.split())
