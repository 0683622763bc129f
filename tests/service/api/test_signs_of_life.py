"""A process that writes now and then lives; one that has stopped writing is silent."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from service.api.signs_of_life import SignsOfLife

PROGRAM = """
import sys, time
sys.stdin.read(1)
for _ in range(10):
    sys.stdout.write(".")
    sys.stdout.flush()
    time.sleep(0.1)
sys.stdin.read(1)
"""


def test_a_process_is_silent_once_its_signs_have_ceased() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        life = SignsOfLife(process)
        assert process.stdin is not None
        time.sleep(0.5)
        assert life.silent_seconds < 0  # it may still be starting
        process.stdin.write(b"x")
        process.stdin.flush()
        until = time.monotonic() + 30
        while life.silent_seconds < 1.5:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.kill()
    silent = life.silent_seconds
    time.sleep(0.1)
    assert life.silent_seconds > silent


def test_signs_need_a_pipe() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", ""]) as process,
        pytest.raises(ValueError, match="pipe"),
    ):
        SignsOfLife(process)
