"""The bar: what it says where there is a terminal, and nothing where there is none."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pytest

from search.progress_bar import ProgressBar

PROGRAM = """
from search.progress_bar import ProgressBar
with ProgressBar("digits", quiet={quiet}) as bar:
    bar.show("search", 3, 12)
    bar.show("search", 6, 12)
    bar.show("confirm", 2, 4)
"""


def test_a_file_gets_no_bar(capfd: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("digits") as bar:
        bar.show("search", 1, 2)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_sees_how_far_it_is(quiet: bool) -> None:
    terminal, program_side = pty.openpty()
    termios.tcsetwinsize(program_side, (24, 80))
    command = [sys.executable, "-c", PROGRAM.format(quiet=quiet)]
    done = subprocess.run(command, stderr=program_side, check=True)
    os.set_blocking(terminal, False)
    try:
        said = os.read(terminal, 100_000)
    except BlockingIOError:  # nothing was written
        said = b""
    os.close(program_side)
    os.close(terminal)
    assert done.returncode == 0
    assert all((text in said) is not quiet for text in (b"3/12", b"2/4", b"confirm"))


def test_a_notebook_sees_it_too() -> None:
    program = f"""
import sys
from types import SimpleNamespace
shell = SimpleNamespace(config={{"IPKernelApp": {{}}}})
sys.modules["IPython"] = SimpleNamespace(get_ipython=lambda: shell)
{PROGRAM.format(quiet=False)}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "4/4" not in done.stdout
    assert "2/4" in done.stderr
