"""Progress of a study, from counted trials and measured time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from time import monotonic

from optuna.trial import TrialState

from search.driver.plan import StudyPlan
from search.metrics import Direction
from search.study import Progress, TrialRecord

#: Share of a wall-clock limit that is reserved for the confirmation and the test.
CONFIRMATION_SHARE = 1 / 2


class ProgressTracker:
    """Counts the trials of a study, recorded ones included, and the seconds they took."""

    def __init__(self, plan: StudyPlan, history: Sequence[TrialRecord]) -> None:
        self._limit = plan.spec.budget.seconds
        #: Seconds reserved for the confirmation and the test.
        self._reserve = 0.0
        if self._limit is not None and plan.spec.evaluation.confirm_top > 0:
            self._reserve = CONFIRMATION_SHARE * self._limit
        self._best = max if plan.objectives[0].direction is Direction.MAXIMIZE else min
        #: State of each trial by number, and trials by state: kept up to date as trials change,
        #: because a study of thousands of trials asks for its progress hundreds of times.
        self._states: dict[int, TrialState] = {}
        self._counts: Counter[TrialState] = Counter()
        #: Best value of the first objective over all complete trials; None without one.
        self.best_value: float | None = None
        self._began = monotonic()
        self._spent = _seconds_spent(history)
        self.count(history)
        self._finished_before = self.finished

    @property
    def finished(self) -> int:
        """Number of trials that are complete, pruned or failed, recorded ones included."""
        return sum(count for state, count in self._counts.items() if state.is_finished())

    @property
    def out_of_time(self) -> bool:
        """Whether the search has used its share of the wall-clock limit, earlier runs included."""
        left = self.seconds_left
        return left is not None and left <= self._reserve

    @property
    def seconds_left(self) -> float | None:
        """Seconds left of the wall-clock limit, never negative; None where there is no limit."""
        if self._limit is None:
            return None
        return max(0.0, self._limit - self._elapsed - self._spent)

    @property
    def _elapsed(self) -> float:
        return monotonic() - self._began

    def count(self, records: Sequence[TrialRecord]) -> None:
        """Count new or changed trials."""
        for record in records:
            before = self._states.get(record.number)
            if before is not None:
                self._counts[before] -= 1
            self._counts[record.state] += 1
            self._states[record.number] = record.state
            if record.state is TrialState.COMPLETE and record.values:
                best = record.values[0] if self.best_value is None else self.best_value
                self.best_value = self._best(best, record.values[0])

    def progress(self, total: int) -> Progress:
        """Return the counts of `total` trials, with rate and time left once one has finished."""
        finished = self.finished
        rate = (finished - self._finished_before) / max(self._elapsed, 1e-9)
        left = (total - finished) / rate if rate > 0 else None
        if left is not None and self.seconds_left is not None:
            left = min(left, max(0.0, self.seconds_left - self._reserve))
        return Progress(
            trials_total=total,
            trials_finished=finished,
            trials_pruned=self._counts[TrialState.PRUNED],
            trials_failed=self._counts[TrialState.FAIL],
            trials_running=self._counts[TrialState.RUNNING],
            trials_per_second=rate if rate > 0 else None,
            seconds_left=left,
            best_value=self.best_value,
        )


def _seconds_spent(history: Sequence[TrialRecord]) -> float:
    """Return the seconds from the first start to the last end among recorded trials."""
    starts: list[datetime] = [r.started_at for r in history if r.started_at is not None]
    ends: list[datetime] = [r.finished_at for r in history if r.finished_at is not None]
    return (max(ends) - min(starts)).total_seconds() if starts and ends else 0.0
