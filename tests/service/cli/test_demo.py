"""A demo that is interrupted leaves nothing behind: no server, no study to be finished first."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from search.study import StudyState
from storage import Studies, open_database


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_ends_its_server_and_its_study(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-P", "-m", "service.cli.demo", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert demo.stdout is not None
    for line in demo.stdout:
        said += line
        if "posted" in line:
            break
    family = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(number)
    said += demo.communicate(timeout=60)[0]
    assert demo.returncode == code, said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(family, timeout=30)
    assert len(family) >= 2
    assert alive == []
    database = open_database(f"sqlite:///{tmp_path / 'activation-search.db'}")
    states = [study.state for study in Studies(database).list().items]
    database.close()
    assert states == [StudyState.CANCELLED]
