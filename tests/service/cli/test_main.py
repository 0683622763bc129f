"""What the command line prints of studies in a database, and of what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search.errors import MissingExtra
from service.api.app import create_app
from service.cli import main as cli
from service.settings import Settings


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Return the exit code, and what came out at both ends, in a terminal of 80 columns."""
    monkeypatch.setattr("sys.argv", ["activation-search", *arguments])
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def study(tmp_path: Path) -> str:
    with TestClient(create_app(Settings(data_dir=tmp_path))) as client:
        body = {"dataset": "iris", "name": "[/red] which activation for the flowers of the garden?"}
        study_id: str = client.post("/v1/studies", json=body).json()["id"]
    return study_id


def test_studies_are_listed_with_ids_to_copy_and_names_as_they_are(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "studies", "--data-dir", str(tmp_path))
    assert code == 0
    assert study in out
    assert "[/red]" in out


def test_a_study_that_nobody_has_begun_has_results_too(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "results", study, "--data-dir", str(tmp_path))
    assert code == 0
    assert "no trial has completed yet" in out


def test_a_study_file_is_checked_in_the_words_of_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"dataset": "iris", "bugdet": {}, "space": {"width": []}}))
    code, _, err = run(monkeypatch, capsys, "run", str(spec))
    assert code == 1
    said = " ".join(err.split())
    assert "did you mean 'budget'?" in said
    assert "width is [], but it must have 1 or more entries" in said


def test_brackets_of_a_message_are_not_taken_for_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise MissingExtra("a PostgreSQL database", "postgres")

    monkeypatch.setattr("service.cli.offline.open_database", missing)
    code, _, err = run(monkeypatch, capsys, "studies", "--data-dir", str(tmp_path))
    assert code == 1
    assert "pip install 'activation-search[postgres]'" in " ".join(err.split())


@pytest.mark.parametrize("command", ["worker", "serve"])
def test_a_gpu_that_is_not_there_is_one_sentence(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("ACTIVATION_SEARCH_DEVICE", "cuda")
    monkeypatch.setenv("ACTIVATION_SEARCH_WORKER_NICENESS", "0")
    code, _, err = run(monkeypatch, capsys, command, "--data-dir", str(tmp_path))
    assert code == 1
    assert "device 'cuda' needs a GPU" in " ".join(err.split())


@pytest.mark.parametrize("command", [["studies"], ["serve", "--port", "0"]])
@pytest.mark.parametrize("content", [None, b"no database, but long enough to look like one" * 100])
def test_a_database_that_cannot_be_opened_is_one_sentence(
    command: list[str],
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "data"
    if content is None:
        folder.write_text("a file where the folder should be")
    else:
        folder.mkdir()
        (folder / "activation-search.db").write_bytes(content)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("service.cli.main.set_up_logs", lambda _: None)
    code, _, err = run(monkeypatch, capsys, *command, "--data-dir", str(folder))
    assert code == 1
    said = " ".join(err.split())
    assert "cannot be opened" in said
    assert "--data-dir" in said
    assert "Traceback" not in said
