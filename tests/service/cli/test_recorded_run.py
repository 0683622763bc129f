"""`run --data-dir`: a study that stays, is found by the other commands, and can be gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search.study import StudyState
from service.settings import Settings
from storage import Studies, open_database
from tests.service.cli.test_main import run
from tests.service.processes import until

SMALL: dict[str, Any] = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": 1},
    "budget": {"trials": 6, "epochs": 3},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}
PROGRAM = [sys.executable, "-P", "-m", "service.cli"]


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVATION_SEARCH_PROCESSES", "1")


def test_a_study_is_kept_with_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ("--data-dir", str(tmp_path / "kept"))
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(SMALL))
    done = run(monkeypatch, capsys, "run", str(spec), "--json", *kept)
    assert done[0] == 0
    assert json.loads(done[1])["verdict"]["sentence"]
    studies = json.loads(run(monkeypatch, capsys, "studies", "--json", *kept)[1])
    assert [each["state"] for each in studies] == ["completed"]
    study = studies[0]["id"]
    assert study in done[2]
    assert json.loads(run(monkeypatch, capsys, "results", study, "--json", *kept)[1]) == json.loads(
        done[1]
    )
    rows = tmp_path / "rows.csv"
    rows.write_text("sepal length (cm)\n5.1\n7.2\n")
    code, out, err = run(monkeypatch, capsys, "predict", study, str(rows), "--json", *kept)
    assert code == 0, err
    answers = json.loads(out)
    assert len(answers) == 2
    assert answers[0]["prediction"] in ("setosa", "versicolor", "virginica")
    shares = [value for name, value in answers[0].items() if name != "prediction"]
    assert sum(shares) == pytest.approx(1)
    code, out, _ = run(
        *(monkeypatch, capsys, "export", study, "--format", "json", "--json", *kept),
        *("--out", str(tmp_path / "story.json")),
    )
    assert json.loads(out) == {"file": str(tmp_path / "story.json"), "format": "json"}
    code, _, err = run(monkeypatch, capsys, "run", "--resume", study, *kept)
    assert code == 1
    assert "nothing is left to go on with" in " ".join(err.split())


def test_an_interrupted_study_is_gone_on_with(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("x,y\n" + "\n".join(f"{n % 9},{n % 9 * 1.5}" for n in range(200)))
    folder = tmp_path / "kept"
    command = [*PROGRAM, "run", str(table), "--target", "y", "--data-dir", str(folder)]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finished() -> int:
        if not (folder / "activation-search.db").exists():
            return 0
        database = open_database(Settings(data_dir=folder).database)
        found = Studies(database).list().items
        database.close()
        return found[0].progress.trials_finished if found else 0

    until(lambda: finished() >= 5)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=120)
    assert program.returncode == 130, err
    assert "by activation, the best first" in out
    study = err.split("--resume ")[1].split()[0]
    database = open_database(Settings(data_dir=folder).database)
    studies = Studies(database)
    assert studies.get(study).state is StudyState.QUEUED
    before = studies.get(study).progress.trials_finished
    resumed = subprocess.Popen(
        [*PROGRAM, "run", "--resume", study, "--data-dir", str(folder), "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: studies.get(study).progress.trials_finished > before + 5)
    studies.cancel(study)
    results = json.loads(resumed.communicate(timeout=120)[0])
    assert studies.get(study).state is StudyState.CANCELLED
    database.close()
    assert sum(row["trials"] for row in results["by_activation"]) > before + 5
