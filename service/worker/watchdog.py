"""A watchdog over the training processes: what is stopped or stands still is ended.

A pool has no notion of that: whoever waits for a segment of a stopped process waits for ever, and
a cancellation has no effect. Once the processes are killed the pool is broken, which is told to who
waits, and the worker ends; the next one takes the study up.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from service.logs import get_log
from service.worker.heartbeat import repeated

#: Seconds between two looks.
LOOK_S = 1.0
#: A process that is stopped (SIGSTOP, a frozen debugger) for so long is given up.
STOPPED_S = 10.0
#: So are processes that have work and use no processor for so long.
STILL_S = 60.0
#: A cancellation, or the end of the worker, waits so long for segments to end.
STOPPING_S = 10.0
#: It waits so long for processes that may still be starting: on a machine at its limit that took
#: longer than 90 seconds, and to end them only meant to start others.
STARTING_S = 300.0

_PROC = Path("/proc")
#: Of a stopped process; that of one under a tracer is another.
_STOPPED = "T"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the training processes."""

    #: Whether any of them is stopped.
    is_stopped: bool
    #: Processor time of all together, in ticks; None where the system does not tell.
    ticks: int | None


class Watchdog:
    """Ends the training processes of this process where they do not go on, and says why."""

    def __init__(
        self,
        *,
        in_flight: Callable[[], int],
        ended: Callable[[], int],
        is_stopping: Callable[[], bool],
    ) -> None:
        """`in_flight` and `ended` count segments, `is_stopping` tells that no more are wanted."""
        self._in_flight = in_flight
        self._ended = ended
        self._is_stopping = is_stopping
        #: Why the processes were ended; None while they were not.
        self.reason: str | None = None
        self._ticks: int | None = None
        #: Since when each thing has been so; absent where it is not so.
        self._since: dict[str, float] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look every second, in a thread, as long as the context lasts."""
        with repeated(self.look, LOOK_S):
            yield

    def look(self) -> None:
        """Look once; end the processes where it has been enough."""
        processes = multiprocessing.active_children()
        if not processes:
            self._since.clear()
            return
        seen = _look_at([process.pid for process in processes if process.pid is not None])
        is_busy = self._in_flight() > 0
        stopping = STOPPING_S if self._ended() else STARTING_S
        is_still = is_busy and seen.ticks is not None and seen.ticks == self._ticks
        self._ticks = seen.ticks
        for reason, is_so, seconds in (
            ("training processes were stopped and did not go on", seen.is_stopped, STOPPED_S),
            ("training processes had work and stood still", is_still, STILL_S),
            ("the end was asked for and did not come", is_busy and self._is_stopping(), stopping),
        ):
            if self._for(reason, is_so) >= seconds:
                self._end(processes, f"{reason} for {seconds:g} seconds")
                return

    def _for(self, what: str, is_so: bool) -> float:
        """Return for how many seconds `what` has been so."""
        if not is_so:
            self._since.pop(what, None)
            return 0.0
        return monotonic() - self._since.setdefault(what, monotonic())

    def _end(self, processes: list[multiprocessing.process.BaseProcess], reason: str) -> None:
        self.reason = reason
        self._since.clear()
        get_log(__name__).warning("ending the training processes", reason=reason)
        for process in processes:
            process.kill()


def _look_at(processes: list[int]) -> Look:
    stats = [_stat(process) for process in processes]
    known = [stat for stat in stats if stat is not None]
    return Look(
        is_stopped=any(state == _STOPPED for state, _ in known),
        ticks=sum(ticks for _, ticks in known) if known else None,
    )


def _stat(process: int) -> tuple[str, int] | None:
    """Return the state and the processor time of a process; None where nothing tells them."""
    try:
        text = (_PROC / str(process) / "stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may hold anything.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])
