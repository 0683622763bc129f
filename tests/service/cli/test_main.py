"""What the command line prints of studies in a database, and of what goes wrong."""

from __future__ import annotations

import json
import socket
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

    monkeypatch.setattr("service.cli.offline.open_to_read", missing)
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
    monkeypatch.setattr("service.cli.main.set_up_logs", lambda *_: None)
    code, _, err = run(monkeypatch, capsys, *command, "--data-dir", str(folder))
    assert code == 1
    said = " ".join(err.split())
    assert "cannot be opened" in said
    assert "--data-dir" in said
    assert "Traceback" not in said


SMALL_STUDY = {
    "dataset": "iris",
    "space": {"activation": ["relu"], "width": 16, "depth": 1},
    "budget": {"trials": 3, "epochs": 2},
    "evaluation": {"folds": 2, "confirm_top": 0},
}


def test_the_version_is_an_option_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, "--version") == run(monkeypatch, capsys, "version")


def test_studies_and_results_are_json_for_programs(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--data-dir", str(tmp_path), "--json")
    _, out, _ = run(monkeypatch, capsys, "studies", *place)
    assert [each["id"] for each in json.loads(out)] == [study]
    _, out, _ = run(monkeypatch, capsys, "results", study, *place)
    assert json.loads(out)["by_activation"] == []


def test_piped_output_is_not_cut(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["activation-search", "studies", "--data-dir", str(tmp_path)])
    monkeypatch.delenv("COLUMNS", raising=False)
    with pytest.raises(SystemExit):
        cli.main()
    (line,) = (line for line in capsys.readouterr().out.splitlines() if study in line)
    assert "[/red] which activation for the flowers of the garden?" in line


def test_a_database_without_studies_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "studies", "--data-dir", str(tmp_path))
    assert code == 0
    assert "there is no study yet" in out


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_table_of_ones_own_is_run_without_a_server(
    interrupted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if interrupted:

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("service.cli.offline.run_study", interrupt)
    monkeypatch.setenv("ACTIVATION_SEARCH_PROCESSES", "1")
    table = tmp_path / "mine.csv"
    table.write_text("x,y\n" + "\n".join(f"{n},{n % 7}.5" for n in range(40)))
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(SMALL_STUDY))
    if interrupted:
        code, out, err = run(monkeypatch, capsys, "run", str(table), "--target", "y", "--json")
        assert code == 130
        assert "interrupted; this is what was found until then" in err
        assert json.loads(out)["best"] is None
    else:
        code, out, _ = run(monkeypatch, capsys, "run", str(spec), "--json")
        assert code == 0
        assert json.loads(out)["best"]["activation"] == "relu"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "give either a file"),
        (["run", "nope.csv", "--target", "y"], "nope.csv cannot be read"),
        (["upload", "nope.csv", "--target", "y"], "nope.csv is no file"),
        (["watch", "st_x", "--url", "http://127.0.0.1:9"], "is the server up"),
        (["cancel", "st_x", "--url", "http://127.0.0.1:9"], "is the server up"),
        (["report", "st_x", "--url", "http://127.0.0.1:9"], "is the server up"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 1
    assert words in " ".join(err.split())


def test_a_port_in_use_and_a_folder_that_is_a_file_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        place = ("--data-dir", str(tmp_path))
        code, _, err = run(monkeypatch, capsys, "serve", "--no-worker", "--port", port, *place)
    assert code == 1
    assert f"port {port} of 127.0.0.1 cannot be listened on" in " ".join(err.split())
    (tmp_path / "file").write_text("")
    code, _, err = run(monkeypatch, capsys, "studies", "--data-dir", str(tmp_path / "file"))
    assert code == 1
    assert "--data-dir" in err
