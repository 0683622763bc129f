"""`backup`, `restore` and `check` as a person calls them, on a running service's database."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from sqlalchemy import text

from storage import open_database
from tests.service.processes import PROGRAM, Server, served

LITTLE = {"folds": 2, "confirm_top": 1, "confirm_repeats": 2}


def call(*arguments: str) -> tuple[int, str, str]:
    command = [*PROGRAM, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_a_service_is_backed_up_as_it_runs_restored_elsewhere_and_goes_on(tmp_path: Path) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "x.backup"
    with served(old) as server:
        study = server.start(dataset="iris", budget={"trials": 30, "epochs": 10}, evaluation=LITTLE)
        while not server.finished_trials(study):
            pass
        before = server.finished_trials(study)
        code, _, err = call("backup", str(file), "--data-dir", str(old))
        assert code == 0, err
        code, _, err = call("restore", str(file), "--data-dir", str(old), "--replace")
        assert code == 1
        assert "is in use" in " ".join(err.split())
        server.client.post(f"/v1/studies/{study}/cancel")
    code, _, err = call("restore", str(file), "--data-dir", str(new))
    assert code == 0, err
    assert "no fault was found" in err
    with served(new) as server:
        results = server.finish(study)
        assert results["phase"] == "test"
        after = server.finished_trials(study)
        assert len(after) == 30
        for number, trial in before.items():
            assert after[number] == trial


def test_check_tells_a_fault_in_words_or_json_and_by_its_exit_code(
    tmp_path: Path, server: Server
) -> None:
    study = server.start(dataset="iris", budget={"trials": 4, "epochs": 2}, evaluation=LITTLE)
    server.finish(study)
    (place,) = {
        Path(file.path).parent for file in server.process.open_files() if ".db" in file.path
    }
    call("backup", str(tmp_path / "b"), "--data-dir", str(place))
    assert call("restore", str(tmp_path / "b"), "--data-dir", str(tmp_path / "d"))[0] == 0
    database = open_database(f"sqlite:///{tmp_path / 'd' / 'activation-search.db'}")
    with database.writing() as connection:
        connection.execute(text("UPDATE trials SET number = 99 WHERE number = 2"))
    database.close()
    code, out, _ = call("check", "--data-dir", str(tmp_path / "d"))
    assert code == 1
    assert f"trial 2 of study '{study}' has another number" in out
    code, out, _ = call("check", "--data-dir", str(tmp_path / "d"), "--json")
    assert code == 1
    assert len(json.loads(out)) == 1
