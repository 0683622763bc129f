"""Executors that exist in a simulation only, and the record of real segments that they replay."""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import pairwise
from time import thread_time
from typing import Any, TypeVar

from search.data.datasets import Dataset
from search.driver import run_study
from search.driver.plan import plan_study
from search.networks.lane import LaneState
from search.study import StudySpec, TrialsChanged
from search.training.executors import use_one_core
from search.training.scoring import LaneReport
from search.training.segment import Segment, train_segment
from tests.benchmarks.work import study_body, to_spec

T = TypeVar("T")

FOLDS = 3
PRUNER = "successive_halving"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrial:
    """One configuration trained to the end: what each rung cost and reported."""

    depth: int
    #: By first epoch of the segment: seconds of its lanes, and one report a fold.
    segments: Mapping[int, tuple[float, tuple[LaneReport, ...]]]


class Clock:
    """Processor time of the driver, plus the time for which it waits."""

    def __init__(self) -> None:
        self._began = thread_time()
        self._waited = 0.0

    def now(self) -> float:
        """Return the seconds since the clock was made."""
        return thread_time() - self._began + self._waited

    @property
    def worked(self) -> float:
        """Seconds of `now` that the driver worked."""
        return thread_time() - self._began

    def wait_until(self, moment: float) -> None:
        """Jump to `moment` if it is still to come."""
        self._waited += max(0.0, moment - self.now())

    def without(self, work: Callable[[], T]) -> T:
        """Do work of the simulation's own, which takes no time."""
        before = thread_time()
        done = work()
        self._began += thread_time() - before
        return done


class _Simulated(Future[T]):
    def __init__(self, clock: Clock, ends: float, value: bytes) -> None:
        super().__init__()
        self._clock, self.ends, self._value = clock, ends, value

    def result(self, timeout: float | None = None) -> T:
        self._clock.wait_until(self.ends)
        value: T = pickle.loads(self._value)
        return value

    def cancel(self) -> bool:
        return True


class SimulatedExecutor(Executor):
    """Executors that take the next segment as soon as they are free, first come first served."""

    def __init__(
        self, clock: Clock, count: int, record: Sequence[RecordedTrial], slowness: float
    ) -> None:
        self._clock = clock
        self._free = [0.0] * count
        self._by_depth: dict[int, list[RecordedTrial]] = {}
        for trial in record:
            self._by_depth.setdefault(trial.depth, []).append(trial)
        self._slowness = slowness
        #: Seconds that executors were busy, all together.
        self.busy = 0.0

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Give the segment to the executor that is free first."""
        pickle.dumps((fn, args))  # as a pool or a cluster does, at the driver's cost
        seconds, value = self._clock.without(lambda: self._made_up(args[0]))
        began = max(self._clock.now(), heapq.heappop(self._free))
        heapq.heappush(self._free, began + seconds)
        self.busy += seconds
        return _Simulated(self._clock, began + seconds, value)

    def _made_up(self, segment: Segment) -> tuple[float, bytes]:
        seconds, reports = 0.0, []
        for lane in segment.lanes:
            depth = min(self._by_depth, key=lambda known: abs(known - lane.config.depth))
            known = self._by_depth[depth]
            took, of_folds = known[lane.configuration % len(known)].segments[segment.first]
            seconds += took / FOLDS * self._slowness
            reports.append(
                replace(of_folds[lane.fold], configuration=lane.configuration, state=None)
            )
        return seconds, pickle.dumps(tuple(reports))

    def wait(self, futures: Iterable[_Simulated[Any]], timeout: float) -> Any:
        """Stand in for `concurrent.futures.wait`, by the virtual clock."""
        ends = max(future.ends for future in futures)
        late = ends > self._clock.now() + timeout
        self._clock.wait_until(self._clock.now() + timeout if late else ends)
        return _Waited(not_done=late)


@dataclass(frozen=True, slots=True)
class _Waited:
    not_done: bool


def spec_of(trials: int) -> StudySpec:
    """Return the reference work with three folds and pruning, as by default."""
    return to_spec(study_body(trials=trials, pruner=PRUNER, folds=FOLDS))


def record_trials(dataset: Dataset, count: int) -> list[RecordedTrial]:
    """Train `count` random configurations to the end, rung by rung, and keep what that took."""
    body = study_body(trials=count, epochs=1, folds=FOLDS)
    body["sampler"] = {"name": "random", "seed": 0, "min_trials_per_activation": 0}
    drawn = {
        record.number: dict(record.params)
        for event in run_study(to_spec(body), dataset)
        if isinstance(event, TrialsChanged)
        for record in event.trials
    }
    plan = plan_study(spec_of(count), dataset)
    use_one_core(plan.backend)
    made = []
    for number, params in drawn.items():
        lanes = plan.lanes(number, params)
        states: tuple[LaneState | None, ...] = ()
        segments = {}
        for first, last in pairwise((0, *plan.rungs)):
            segment = Segment(
                lanes=lanes,
                first=first,
                last=last,
                epochs=plan.rungs[-1],
                evaluate_at=tuple(e for e in plan.evaluate_at if first < e <= last),
                metrics=plan.metrics,
                keep_states=True,
                states=states,
                probe_at=(0, last) if first == 0 else (last,),
                backend=plan.backend,
            )
            began = thread_time()
            reports = train_segment(segment, plan.data)
            segments[first] = (thread_time() - began, reports)
            states = tuple(report.state for report in reports)
            if any(report.failure for report in reports):
                break
        if len(segments) == len(plan.rungs):
            made.append(RecordedTrial(depth=lanes[0].config.depth, segments=segments))
    return made
