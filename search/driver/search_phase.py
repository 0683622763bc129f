"""The search phase of a study: trials asked, trained rung by rung, pruned and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from time import monotonic

from optuna.trial import TrialState

from search.driver.ask_tell import AskTell
from search.driver.ordered_jobs import Interrupted
from search.driver.plan import StudyPlan
from search.driver.progress import ProgressTracker
from search.driver.trial_batch import TrialBatch
from search.networks.cost import parameter_count
from search.networks.lane import NetworkConfig
from search.pruners import Pruning
from search.study import (
    Control,
    Event,
    Progress,
    ProgressMade,
    Stop,
    StudyState,
    TrialRecord,
    TrialsChanged,
)
from search.training.worker_files import StateFiles, save_data

#: Fewer leave workers idle at late rungs, where few trials are left of each; more are proposed
#: without knowing what the others come to.
_IN_FLIGHT = 5


#: Seconds that what happened may wait to be told together with what happens next.
_FLUSH_INTERVAL_S = 0.1


class SearchPhase:
    """One run of the search phase."""

    def __init__(
        self,
        plan: StudyPlan,
        history: Sequence[TrialRecord],
        control: Callable[[], Control],
        executor: Executor,
        folder: Path,
    ) -> None:
        self._plan = plan
        self._control = control
        self._executor = executor
        self._proposals = AskTell(plan, history)
        self._pruning = Pruning(
            plan.spec.pruner, plan.directions[0], plan.spec.budget.epochs, plan.spec.sampler.seed
        )
        self._pruning.replay(history)
        self._tracker = ProgressTracker(plan, history)
        self._interrupted = [record for record in history if not record.state.is_finished()]
        self._data = save_data(plan.data, folder)
        self._state_files = StateFiles(folder)
        self._records = {record.number: record for record in history}
        #: Cohorts under way, with the work that will have been done when each ought to be ready.
        self._batches: list[tuple[int, TrialBatch]] = []
        #: The same of the batch that was ready last.
        self._done = 0
        #: When what has happened is to be told, at the latest.
        self._tell_at = 0.0

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """Every trial, as far as it has come."""
        return tuple(self._records.values())

    @property
    def progress(self) -> Progress:
        """How far the search is."""
        return self._tracker.progress(self._proposals.total)

    @property
    def seconds_left(self) -> float | None:
        """What the budget's wall-clock limit leaves; None where there is no limit."""
        return self._tracker.seconds_left

    def run(self) -> Iterator[Event]:
        """Yield events until the budget is used up; raises Interrupted where a stop is wanted."""
        trials = self._plan.spec.budget.trials
        while True:
            control = self._control()
            if control.stop is not None:
                yield from self._end_running(control.stop)
                raise Interrupted(control.stop)
            self._proposals.request(control.requests)
            size = trial_batch_size(trials, self._tracker.finished)
            while len(self._batches) < _IN_FLIGHT and (new := self._new_trials(size)):
                yield self._start(new)
            if not self._batches:
                yield ProgressMade(progress=self.progress)
                return
            # The first of the list among equals, as `min` gives it.
            soonest = min(self._batches, key=itemgetter(0))
            _, batch = soonest
            if not batch.is_ready(within=self._tell_at - monotonic()):
                yield ProgressMade(progress=self.progress)
                self._tell_at = monotonic() + _FLUSH_INTERVAL_S
            self._batches.remove(soonest)
            self._done, _ = soonest
            best = self._tracker.best_value
            yield self._advance(batch)
            if self._tracker.best_value != best:
                self._tell_at = 0.0  # what people wait for is told at once

    def _new_trials(self, size: int) -> list[TrialRecord]:
        """Return trials to start: the interrupted ones first, then new proposals."""
        if self._interrupted:
            batch, self._interrupted = self._interrupted[:size], self._interrupted[size:]
            return [_restarted(record) for record in batch]
        return [] if self._tracker.out_of_time else self._proposals.ask(size)

    def _start(self, new: Sequence[TrialRecord]) -> TrialsChanged:
        data = self._plan.data
        records = [
            replace(
                record,
                parameters=parameter_count(
                    NetworkConfig.from_params(record.params),
                    features=data.features_in,
                    outputs=data.outputs,
                ),
            )
            for record in new
        ]
        for record in records:
            self._pruning.start(record.number, record.activation)
        self._submit(TrialBatch(self._plan, records, self._data, self._state_files))
        return self._changed(records)

    def _advance(self, batch: TrialBatch) -> TrialsChanged:
        """Wait for a batch's rung, judge it, send the survivors on, teach the sampler."""
        changed = batch.collect(self._pruning)
        if batch.running:
            self._submit(batch)
        for record in changed:
            if record.state.is_finished():
                self._proposals.tell(record)
        return self._changed(changed)

    def _submit(self, batch: TrialBatch) -> None:
        work = batch.submit(self._executor)
        self._batches.append((self._done + work, batch))

    def _changed(self, records: Sequence[TrialRecord]) -> TrialsChanged:
        self._tracker.count(records)
        self._records |= {record.number: record for record in records}
        return TrialsChanged(trials=tuple(records))

    def _end_running(self, stop: Stop) -> Iterator[Event]:
        finalize, _ = _STOPPED[stop]
        stopped = [record for _, batch in self._batches for record in batch.abandon(finalize)]
        stopped += [finalize(record) for record in self._interrupted]
        if stopped:
            yield self._changed(sorted(stopped, key=lambda record: record.number))
            yield ProgressMade(progress=self.progress)


def trial_batch_size(trials: int, finished: int) -> int:
    """Trials asked together, of `trials` in all, once so many have finished.

    None of them learns from another. So there are few at first, when every result changes what is
    worth trying, and later as many as fill stacks and share the making of the sampler's model.
    """
    most = max(2, min(16, trials // 12))
    return min(most, max(4, finished // 8))


def _restarted(record: TrialRecord) -> TrialRecord:
    """Return an interrupted trial as it was when it was asked."""
    return TrialRecord(
        number=record.number,
        state=TrialState.RUNNING,
        source=record.source,
        params=record.params,
        distributions=record.distributions,
        started_at=datetime.now(UTC),
        request_id=record.request_id,
    )


def _waiting(record: TrialRecord) -> TrialRecord:
    return replace(_restarted(record), state=TrialState.WAITING, parameters=record.parameters)


def _cancelled(record: TrialRecord) -> TrialRecord:
    return replace(
        record,
        state=TrialState.FAIL,
        error="the study was cancelled before this trial finished",
        flags=("cancelled",),
        finished_at=datetime.now(UTC),
    )


_STOPPED: dict[Stop, tuple[Callable[[TrialRecord], TrialRecord], StudyState]] = {
    Stop.PAUSE: (_waiting, StudyState.PAUSED),
    Stop.CANCEL: (_cancelled, StudyState.CANCELLED),
}
