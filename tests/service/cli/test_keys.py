"""Keys from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import Keys, open_database
from storage.keys import KeyScope, matching_key
from tests.service.cli.test_main import run

Captured = pytest.CaptureFixture[str]


def rows(data_dir: Path) -> dict[str, KeyScope]:
    database = open_database(f"sqlite:///{data_dir / 'activation-search.db'}")
    try:
        return {row.name: row.scope for row in Keys(database).list()}
    finally:
        database.close()


def test_a_key_is_printed_once_and_listed_without_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    place = ("--data-dir", str(tmp_path))
    code, key, err = run(monkeypatch, capsys, "keys", "create", "ann", "--scope", "read", *place)
    assert code == 0
    assert "cannot be shown again" in err
    database = open_database(f"sqlite:///{tmp_path / 'activation-search.db'}")
    found = matching_key(key.strip(), {row.id: row for row in Keys(database).list()})
    database.close()
    assert found is not None
    code, out, _ = run(monkeypatch, capsys, "keys", "list", *place)
    assert code == 0
    for word in ("ann", "read", "never"):
        assert word in out
    assert key.strip() not in out
    assert run(monkeypatch, capsys, "keys", "revoke", "ann", *place)[0] == 0
    assert rows(tmp_path) == {}


def test_a_first_key_is_written_to_a_file_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    file = tmp_path / "keys" / "first"
    command = ("keys", "create", "first", "--scope", "write", "--data-dir", str(tmp_path))
    code, out, err = run(monkeypatch, capsys, *command, "--to", str(file), "--if-none")
    assert code == 0
    assert out == ""
    assert str(file) in err.replace("\n", "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("as_")
    before = file.read_text()
    assert run(monkeypatch, capsys, *command, "--to", str(file), "--if-none")[0] == 0
    assert file.read_text() == before
    command = ("keys", "create", "second", "--scope", "write", "--data-dir", str(tmp_path))
    code, _, err = run(monkeypatch, capsys, *command, "--to", str(file))
    assert code == 1
    assert "exists already" in " ".join(err.split())
    assert rows(tmp_path) == {"first": KeyScope.WRITE}


def test_others_are_not_served_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("service.cli.main.set_up_logs", lambda *_: None)
    command = ("serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path))
    code, _, err = run(monkeypatch, capsys, *command)
    assert code == 1
    assert "keys create NAME --scope write" in " ".join(err.split())
