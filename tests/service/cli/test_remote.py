"""Commands for a running service, in words for people and as JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.service.cli.test_main import run
from tests.service.processes import Server, until

SMALL: dict[str, Any] = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": 1},
    "budget": {"trials": 6, "epochs": 3},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def test_a_study_is_watched_read_and_cancelled(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ACTIVATION_SEARCH_URL", str(server.client.base_url).rstrip("/"))
    (tmp_path / "mine.csv").write_text("x,y\n" + "\n".join(f"{n},{n % 7}.5" for n in range(40)))
    _, out, _ = run(
        monkeypatch, capsys, "upload", str(tmp_path / "mine.csv"), "--target", "y", "--json"
    )
    assert json.loads(out)["rows"] == 40
    study = server.start(**SMALL)
    code, sentence, _ = run(monkeypatch, capsys, "watch", study)
    assert code == 0
    results = json.loads(run(monkeypatch, capsys, "watch", study, "--json")[1])
    assert sentence.strip() == results["verdict"]["sentence"]
    path = tmp_path / "report.html"
    _, out, _ = run(monkeypatch, capsys, "report", study, "--output", str(path), "--json")
    assert json.loads(out) == {"file": str(path)}
    assert all(clause in path.read_text() for clause in results["verdict"]["sentence"].split("; "))
    long = server.start(**{**SMALL, "budget": {"trials": 5000, "epochs": 300}})
    code, out, _ = run(monkeypatch, capsys, "cancel", long, "--json")
    assert json.loads(out)["id"] == long
    until(lambda: server.look(long)["state"] == "cancelled")
    code, _, err = run(monkeypatch, capsys, "cancel", long, "--json")
    assert code == 1
    assert "nothing is left to cancel" in " ".join(err.split())
