"""A function run in a fresh Python process, with bounds on its memory, time, files and number.

For work on what came from outside (an uploaded table, rows to predict) and for libraries that the
calling process must not load: what goes beyond a bound, or ends the process, costs an answer and
not the service. Arguments and results are JSON values and bytes, through files of a folder of
their own: nothing is unpickled. No shell, no fork of the caller's memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from errno import EDQUOT, EFBIG, ENOSPC
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore, Thread
from typing import Any, TypeAlias

from search.errors import InvalidInput, NotReady, SearchError

#: A JSON value or bytes, or a tuple of these.
Value: TypeAlias = Any

_ROOT = Path(__file__).parent.parent
_MEBIBYTE = 2**20
_REQUEST, _RESULT, _ERRORS = "request", "result", "errors"
#: Characters of a dead process's last words that are kept for the log.
_TAIL = 4000
_NO_ROOM = (EDQUOT, EFBIG, ENOSPC)
#: What libraries say where they raise no MemoryError.
_MEMORY_WORDS = ("memoryerror", "bad_alloc", "allocate memory", "unable to allocate")


class BeyondLimits(InvalidInput):
    """What was asked takes more memory, time or room than a bounded process has."""


class TooBusy(NotReady):
    """As many bounded processes run, and callers wait, as are allowed at once."""


class ProcessFailed(SearchError):
    """A bounded process ended in a way that it should not have; `words` are for the log."""

    def __init__(self, detail: str, *, words: str = "") -> None:
        super().__init__(detail)
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one kind of work."""

    #: Memory that a process may write to; text of libraries does not count. Linux holds it.
    memory_bytes: int = 2048 * _MEBIBYTE
    #: Seconds from start to end, the start of Python included.
    seconds: float = 60.0
    #: Largest file, and so the largest result.
    file_bytes: int = 1024 * _MEBIBYTE
    #: Processes at once.
    at_once: int = 2
    #: Callers that may wait for a place, and for how many seconds.
    waiting: int = 8
    wait_seconds: float = 30.0


class BoundedProcess:
    """Runs functions in fresh processes within `limits`; one object is shared by all threads.

    `purpose` begins its sentences ("reading the table"), `way_out` ends those on bounds ("bring
    fewer rows").
    """

    def __init__(
        self,
        limits: Limits,
        *,
        purpose: str = "this work",
        way_out: str = "ask for less at once",
    ) -> None:
        self.limits = limits
        self._purpose = purpose
        self._way_out = way_out
        self._places = BoundedSemaphore(limits.at_once + limits.waiting)
        self._running = BoundedSemaphore(limits.at_once)

    def run(self, function: str | Callable[..., Value], *args: Value) -> Value:
        """Return what `function` returns for `args`, from a process of its own; blocks meanwhile.

        `function` is a function of a module, or its name as "package.module:function". Errors of
        this project that it raises are raised here as they are. Raises BeyondLimits, TooBusy, and
        ProcessFailed for all else.
        """
        name = function if isinstance(function, str) else _name_of(function)
        with self._place(), TemporaryDirectory(prefix="activation-search-") as folder:
            return self._run(Path(folder), name, args)

    @contextmanager
    def _place(self) -> Iterator[None]:
        busy = TooBusy(
            f"{self._purpose} is done {self.limits.at_once} times at once at most, and others are "
            f"waiting already; try again in a moment"
        )
        if not self._places.acquire(blocking=False):
            raise busy
        try:
            if not self._running.acquire(timeout=self.limits.wait_seconds):
                raise busy
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._places.release()

    def _run(self, folder: Path, name: str, args: tuple[Value, ...]) -> Value:
        limits = self.limits
        _write(folder / _REQUEST, {"function": name}, args)
        command = [sys.executable, "-c", f"from {__name__} import main; main()", str(folder)]
        command += [str(limits.memory_bytes), str(limits.file_bytes), str(limits.seconds)]
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        started = time.monotonic()
        with (folder / _ERRORS).open("wb") as errors:
            # Its standard input stays open as long as this process lives, see `_end_with`.
            process = subprocess.Popen(  # noqa: S603 - this interpreter, and no shell
                command,
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
            try:
                process.wait(limits.seconds)
            except subprocess.TimeoutExpired:
                raise self._beyond(f"longer than {limits.seconds:g} seconds") from None
            finally:
                _kill(process)
        took = time.monotonic() - started
        return self._result(folder, process.returncode, took)

    def _result(self, folder: Path, code: int, took: float) -> Value:
        if code == 0:
            head, parts = _read(folder / _RESULT)
            if head.get("kind") == "result":
                return parts[0] if head["single"] else tuple(parts)
            if head.get("kind") == "error":
                raise _read_error(head)
            if head.get("kind") == "memory":
                raise self._beyond(
                    f"more than {self.limits.memory_bytes // _MEBIBYTE} MiB of memory"
                )
            if head.get("kind") == "room":
                raise self._beyond(f"files of more than {self.limits.file_bytes // _MEBIBYTE} MiB")
        words = (folder / _ERRORS).read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
        if _tells_of_memory(words):
            raise self._beyond(f"more than {self.limits.memory_bytes // _MEBIBYTE} MiB of memory")
        raise ProcessFailed(
            f"{self._purpose} ended unexpectedly after {took:.1f} seconds "
            f"({f'signal {-code}' if code < 0 else f'exit code {code}'}); the server's log has "
            f"its last words",
            words=words,
        )

    def _beyond(self, what: str) -> BeyondLimits:
        return BeyondLimits(f"{self._purpose} took {what}, which is the limit; {self._way_out}")


def main() -> None:
    """Run one request; the child's whole program."""
    folder = Path(sys.argv[1])
    memory_bytes, file_bytes, seconds = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    Thread(target=_end_with, args=(sys.stdin.fileno(),), daemon=True).start()
    _set_limits(memory_bytes, file_bytes, seconds)
    head, args = _read(folder / _REQUEST)
    module, _, name = head["function"].partition(":")
    answer: dict[str, Any] = {"kind": "result"}
    parts: tuple[Value, ...] = ()
    try:
        with redirect_stdout(sys.stderr):
            result = getattr(import_module(module), name)(*args)
        answer["single"] = not isinstance(result, tuple)
        parts = result if isinstance(result, tuple) else (result,)
        _write(folder / _RESULT, answer, parts)
    except SearchError as error:
        _write(folder / _RESULT, _described(error), ())
    except MemoryError:
        _write(folder / _RESULT, {"kind": "memory"}, ())
    except OSError as error:
        traceback.print_exc()
        if error.errno not in _NO_ROOM:
            raise SystemExit(1) from None
        _write(folder / _RESULT, {"kind": "room"}, ())
    sys.stderr.flush()
    # Threads of libraries that wait for work would delay the end.
    os._exit(0)


def _end_with(stream: int) -> None:
    """End this process when the caller's is gone, even if killed: the stream ends then."""
    while os.read(stream, 1024):
        pass
    os._exit(3)


def _set_limits(memory_bytes: int, file_bytes: int, seconds: float) -> None:
    try:
        import resource  # noqa: PLC0415 - Windows has none
        import signal  # noqa: PLC0415
    except ImportError:
        return
    # A write beyond the limit raises OSError then, in place of ending the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    processor_seconds = int(seconds * (os.cpu_count() or 1)) + 1
    for kind, most in (
        # Not the address space, of which libraries reserve much and use little.
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CPU, processor_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and those it started, and wait for it."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # it has ended by itself
            os.killpg(process.pid, 9)
    else:
        process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _name_of(function: Callable[..., Value]) -> str:
    name = f"{function.__module__}:{function.__qualname__}"
    if "<" in name or "." in function.__qualname__:
        raise TypeError(f"{name} is no function of a module, and a process cannot import it")
    return name


def _write(path: Path, head: dict[str, Any], parts: Sequence[Value]) -> None:
    """Write a line of JSON that says how long the parts are, then the parts."""
    are_bytes = [isinstance(part, bytes) for part in parts]
    written = [
        part if isinstance(part, bytes) else json.dumps(part, ensure_ascii=True).encode()
        for part in parts
    ]
    sizes = [len(part) for part in written]
    line = json.dumps({**head, "bytes": are_bytes, "sizes": sizes}, ensure_ascii=True)
    with path.open("wb") as file:
        file.write(line.encode() + b"\n")
        file.writelines(written)


def _read(path: Path) -> tuple[dict[str, Any], list[Value]]:
    with path.open("rb") as file:
        head: dict[str, Any] = json.loads(file.readline())
        parts = [
            part if are_bytes else json.loads(part)
            for are_bytes, size in zip(head["bytes"], head["sizes"], strict=True)
            for part in (file.read(size),)
        ]
    return head, parts


def _described(error: SearchError) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in vars(error).items():
        if isinstance(value, str | int | float | bool | None):
            kept[name] = value
        elif isinstance(value, tuple) and all(isinstance(each, str) for each in value):
            kept[name] = list(value)
    return {"kind": "error", "class": type(error).__name__, "text": str(error), "fields": kept}


def _read_error(head: dict[str, Any]) -> SearchError:
    """Make an error of the class again, the nearest that this process knows."""
    known = {kind.__name__: kind for kind in _tree(SearchError)}
    kind = known.get(head["class"], SearchError)
    error = kind.__new__(kind)
    error.args = (head["text"],)
    for name, value in head["fields"].items():
        setattr(error, name, tuple(value) if isinstance(value, list) else value)
    return error


def _tree(kind: type[SearchError]) -> Iterator[type[SearchError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _tells_of_memory(words: str) -> bool:
    return any(each in words.lower() for each in _MEMORY_WORDS)
