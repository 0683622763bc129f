"""A bounded process returns what its function returns, or a sentence on what it went beyond."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from search.errors import InvalidDataset, UnknownChoice
from service.bounded_process import BeyondLimits, BoundedProcess, Limits, ProcessFailed, TooBusy

MEBIBYTE = 2**20
PROCESS = BoundedProcess(Limits(seconds=30), purpose="reading the table", way_out="bring less")


def echo(*values: object) -> tuple[object, ...]:
    return values


def process_id(printed: str) -> int:
    print(printed)  # would spoil a result that came through standard output
    return os.getpid()


def fill_memory(mebibytes: int) -> int:
    return len(bytearray(mebibytes * MEBIBYTE))


def abort_for_memory() -> None:
    print("terminate called after throwing an instance of 'std::bad_alloc'", flush=True)
    os.abort()


def write_a_file(path: str, mebibytes: int) -> None:
    Path(path).write_bytes(bytes(mebibytes * MEBIBYTE))


def large_result(mebibytes: int) -> bytes:
    return bytes(mebibytes * MEBIBYTE)


def sleep(seconds: float, note: str = "") -> None:
    if note:
        Path(note).write_text(str(os.getpid()))
    time.sleep(seconds)


def die(number: int) -> None:
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), number)


def refuse(kind: str) -> None:
    if kind == "dataset":
        raise InvalidDataset("the table has no rows; bring some", pointer="/file")
    if kind == "choice":
        raise UnknownChoice("activation", "rleu", ["relu", "elu"], pointer="/space")
    raise ZeroDivisionError


def test_values_and_bytes_come_back_as_they_were_sent() -> None:
    sent = ({"a": [1, 2.5, None, "ü\ud800"]}, b"\x00\n{", "text", b"")
    assert PROCESS.run(echo, *sent) == sent


def test_it_is_another_process_and_prints_freely() -> None:
    assert PROCESS.run("tests.service.test_bounded_process:process_id", "hello") != os.getpid()


def test_more_memory_than_allowed_is_refused_with_a_sentence() -> None:
    small = BoundedProcess(
        Limits(memory_bytes=200 * MEBIBYTE), purpose="reading the table", way_out="bring less"
    )
    assert small.run(fill_memory, 50) == 50 * MEBIBYTE
    with pytest.raises(BeyondLimits, match=r"^reading the table took more than 200 MiB of memory, "
                       r"which is the limit; bring less$"):  # fmt: skip
        small.run(fill_memory, 300)
    with pytest.raises(BeyondLimits, match="more than 200 MiB of memory"):
        small.run(abort_for_memory)


def test_more_seconds_than_allowed_end_the_process(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    quick = BoundedProcess(Limits(seconds=1.5), purpose="reading the table", way_out="bring less")
    started = time.monotonic()
    with pytest.raises(BeyondLimits, match=r"longer than 1.5 seconds, which is the limit"):
        quick.run(sleep, 60, str(note))
    assert time.monotonic() - started < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_larger_files_and_results_than_allowed_are_refused(tmp_path: Path) -> None:
    little = BoundedProcess(Limits(file_bytes=MEBIBYTE))
    with pytest.raises(BeyondLimits, match="files of more than 1 MiB"):
        little.run(write_a_file, str(tmp_path / "large"), 3)
    with pytest.raises(BeyondLimits, match="files of more than 1 MiB"):
        little.run(large_result, 3)


def test_errors_of_this_project_pass_through_whole() -> None:
    with pytest.raises(InvalidDataset, match="the table has no rows") as dataset:
        PROCESS.run(refuse, "dataset")
    assert (dataset.value.pointer, dataset.value.detail) == ("/file", str(dataset.value))
    with pytest.raises(UnknownChoice, match="did you mean 'relu'") as choice:
        PROCESS.run(refuse, "choice")
    assert choice.value.choices == ("relu", "elu")


def test_any_other_end_is_a_failure_with_its_last_words() -> None:
    with pytest.raises(ProcessFailed, match="exit code 1") as error:
        PROCESS.run(refuse, "other")
    assert "ZeroDivisionError" in error.value.words
    with pytest.raises(ProcessFailed, match=rf"ended unexpectedly.*signal {signal.SIGSEGV:d}"):
        PROCESS.run(die, int(signal.SIGSEGV))


def test_only_so_many_run_at_once_and_wait() -> None:
    narrow = BoundedProcess(
        Limits(at_once=1, waiting=1, wait_seconds=20), purpose="reading the table"
    )
    with ThreadPoolExecutor(3) as threads:
        ends = [threads.submit(narrow.run, sleep, 1.0) for _ in range(3)]
        refused = [end for end in ends if isinstance(end.exception(), TooBusy)]
    assert len(refused) == 1
    assert "1 times at once at most" in str(refused[0].exception())
    with ThreadPoolExecutor(1) as threads:
        impatient = BoundedProcess(Limits(at_once=1, waiting=1, wait_seconds=0.2))
        first = threads.submit(impatient.run, sleep, 2.0)
        time.sleep(0.5)
        with pytest.raises(TooBusy, match="try again"):
            impatient.run(sleep, 0.0)
        first.result()


def test_it_ends_with_its_caller(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "from service.bounded_process import BoundedProcess, Limits\n"
        "from tests.service.test_bounded_process import sleep\n"
        f"BoundedProcess(Limits()).run(sleep, 50, {str(note)!r})\n"
    )
    root = Path(__file__).parent.parent.parent
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    until = time.monotonic() + 30
    while not (note.exists() and note.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    caller.kill()
    caller.wait()
    pid = int(note.read_text())
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} outlived its caller")


def test_a_function_that_no_process_can_import_is_refused() -> None:
    with pytest.raises(TypeError, match="no function of a module"):
        PROCESS.run(lambda: None)
