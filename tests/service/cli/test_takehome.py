"""The winner taken home by the command line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from search.study import Task
from storage import Database
from tests.search.archives import Made, as_csv, make_archive
from tests.service.cli.test_main import run
from tests.service.winners import finished_study


@pytest.fixture(scope="module")
def made() -> Made:
    return make_archive(Task.REGRESSION)


@pytest.fixture
def study(client: TestClient, database: Database, made: Made) -> str:
    return finished_study(client, database, made)


def test_a_file_of_rows_is_predicted(
    study: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_bytes(as_csv(made.table.drop(columns="open")))
    place = ("--data-dir", str(tmp_path))
    code, _, said = run(monkeypatch, capsys, "predict", study, str(rows), "--out", str(out), *place)
    assert code == 0
    assert "column 'open' is absent" in said
    assert f"{len(made.table)} predictions in" in said
    expected = made.oracle(made.dataset.features.assign(open=np.nan))
    np.testing.assert_allclose(pd.read_csv(out)["prediction"], expected, rtol=1e-12)
    code, printed, _ = run(monkeypatch, capsys, "predict", study, str(rows), *place)
    assert code == 0
    assert printed == out.read_text()


@pytest.mark.parametrize(
    ("study_id", "rows", "said"),
    [
        ("st_x", "rows.csv", "there is no study 'st_x'"),
        (None, "none.csv", "is no file"),
        (None, "rows.csv", "column 'colour' is not of"),
    ],
)
def test_what_cannot_be_predicted_is_one_sentence(
    study_id: str | None,
    rows: str,
    said: str,
    study: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "rows.csv").write_text("colour\nred\n")
    code, _, err = run(
        monkeypatch, capsys, "predict", study_id or study, str(tmp_path / rows),
        "--data-dir", str(tmp_path),
    )  # fmt: skip
    assert code == 1
    assert said in " ".join(err.split())


def test_the_network_is_exported_to_a_file(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, said = run(monkeypatch, capsys, "export", study, "--data-dir", str(tmp_path))
    assert code == 0
    assert f"{study}-pytorch.zip" in said
    assert zipfile.is_zipfile(tmp_path / f"{study}-pytorch.zip")
    code, _, said = run(
        monkeypatch, capsys, "export", study, "--format", "pytorh", "--data-dir", str(tmp_path)
    )
    assert code == 1
    assert "did you mean 'pytorch'?" in " ".join(said.split())
