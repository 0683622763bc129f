"""A study of a thousand trials: time outside segments, and memory.

Outside is what the cores did not spend training: 1 - fit / (wall x processes). `fit` is the lesser
of two: the wall time the training processes report of their segments, and their processor time. A
segment that waits for a core because the driver has it counts as outside that way.

Memory is the proportional set size of server, worker, training processes and helpers, summed:
pages that processes share are counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Thread
from typing import Any

import psutil

from tests.benchmarks.ours import Service
from tests.benchmarks.scales import Scale
from tests.benchmarks.work import PROCESSES, study_body

#: A sample costs 21 ms of a core, which belong to nobody's study.
_SAMPLE_S = 2.0
#: Often enough to see the end; when it was, the service says.
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LongStudy:
    """What one long study cost."""

    trials: int
    #: From POST to the end, by the service's clock.
    seconds: float
    #: Wall seconds in segments, over all training processes, as they report it.
    fit_wall: float
    #: Processor seconds of the training processes.
    fit_cpu: float
    #: Processor seconds of all other processes: server, worker, helpers.
    other_cpu: float
    peak_bytes: int
    #: The bytes of each process at that moment, the largest first.
    peak_by_process: tuple[int, ...]
    processes: int

    @property
    def outside(self) -> float:
        """Share of the time spent outside segments."""
        return 1.0 - min(self.fit_wall, self.fit_cpu) / (self.seconds * self.processes)

    @property
    def how(self) -> str:
        """The figures behind `outside`."""
        return (
            f"{self.trials} trials in {self.seconds:.1f} s; in segments "
            f"{self.fit_wall:.1f} s of wall, {self.fit_cpu:.1f} s of processor; other processes "
            f"{self.other_cpu:.1f} s of processor"
        )


def long_study(
    scale: Scale,
    service: Service,
    *,
    folds: int = 1,
    pruner: str = "none",
    processes: int = PROCESSES,
) -> LongStudy:
    """Run the study on `service`, which has that many training processes, and watch it."""
    body = study_body(trials=scale.long_trials, epochs=scale.epochs, pruner=pruner, folds=folds)
    before = _cpu_seconds(service)
    with _watched(service) as watch:
        run = service.run(body, every=_LOOK_S)
    after = _cpu_seconds(service)
    spent = {pid: after[pid] - before.get(pid, 0.0) for pid in after}
    # The training processes are the ones that worked most.
    ranked = sorted(spent.values(), reverse=True)
    return LongStudy(
        trials=len(run.trials),
        seconds=_seconds(service.look(run.study_id)),
        fit_wall=run.fit_seconds,
        fit_cpu=sum(ranked[:processes]),
        other_cpu=sum(ranked[processes:]),
        peak_bytes=sum(watch.peak),
        peak_by_process=tuple(watch.peak),
        processes=processes,
    )


def _seconds(study: Mapping[str, Any]) -> float:
    created, finished = (datetime.fromisoformat(study[at]) for at in ("created_at", "finished_at"))
    return (finished - created).total_seconds()


def _cpu_seconds(service: Service) -> dict[int, float]:
    seconds = {}
    for process in service.processes():
        times = process.cpu_times()
        seconds[process.pid] = times.user + times.system
    return seconds


@dataclass(slots=True)
class _Watch:
    """The peak seen so far."""

    service: Service
    #: Bytes by process, the largest first.
    peak: list[int] = field(default_factory=list)
    ended: Event = field(default_factory=Event)

    def look(self) -> None:
        sizes = []
        for process in self.service.processes():
            try:
                info = process.memory_full_info()
            except psutil.NoSuchProcess:
                continue
            # Linux tells the proportional size; elsewhere what is the process's own must do.
            sizes.append(getattr(info, "pss", info.uss))
        self.peak = max(self.peak, sorted(sizes, reverse=True), key=sum)

    def run(self) -> None:
        while not self.ended.wait(_SAMPLE_S):
            self.look()


@contextmanager
def _watched(service: Service) -> Iterator[_Watch]:
    watch = _Watch(service)
    thread = Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        thread.join()
        watch.look()
