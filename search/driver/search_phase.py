"""The search phase of a study: trials asked, trained rung by rung, pruned and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from time import monotonic

from optuna.trial import TrialState

from search.driver.ask_tell import AskTell
from search.driver.ordered_jobs import Interrupted
from search.driver.plan import StudyPlan
from search.driver.progress import ProgressTracker
from search.driver.replay import Replay, ReplayMismatch, split_history
from search.driver.trial_batch import TrialBatch
from search.networks.cost import parameter_count
from search.networks.lane import NetworkConfig
from search.pruners import Pruning
from search.study import (
    Control,
    Event,
    Noted,
    OutsideTrial,
    Progress,
    ProgressMade,
    Stop,
    StudyState,
    TrialRecord,
    TrialRequest,
    TrialsChanged,
)
from search.training.device import Device
from search.training.worker_files import open_store

#: Batches that train at a time. Fewer leave workers idle at late rungs, where few trials are left
#: of each; with more, trials are proposed before the results of earlier ones are known.
MAX_BATCHES = 5

#: Most trials of a batch. A GPU trains a wide stack in hardly more time than a narrow one.
LARGEST_BATCH: Mapping[Device, int] = {Device.CPU: 16, Device.CUDA: 128}

#: With so many arms of searches as many trials as ever are asked for together: on a processor each
#: has then two trials under way.
_PLACES = 40

#: Where a search cannot be repeated up to where it was interrupted.
_NOTE = (
    "The search was interrupted and could not be repeated up to there ({reason}), so its samplers "
    "started anew from the recorded trials: what was proposed from then on differs from an "
    "uninterrupted run."
)

#: Seconds that events may wait for the next report of progress, at which recorders write them.
FLUSH_INTERVAL_S = 0.1


class SearchPhase:
    """One run of the search phase, from the recorded trials to the end of the budget."""

    def __init__(
        self,
        plan: StudyPlan,
        history: Sequence[TrialRecord],
        control: Callable[[], Control],
        executor: Executor,
        folder: Path,
        *,
        requests: Sequence[TrialRequest] = (),
        outside: Sequence[OutsideTrial] = (),
    ) -> None:
        """Go on from `history`; `requests` are those that it answers."""
        self._plan = plan
        self._outside = outside
        self._control = control
        self._executor = executor
        self._tracker = ProgressTracker(plan, history)
        self._store = open_store(executor, folder)
        self._data = self._store.save(plan.data)
        self._records = {record.number: record for record in history}
        #: Monotonic time by which progress is reported, whether or not a batch is ready.
        self._flush_at = 0.0
        self._begin(*split_history(plan.spec, history, requests))

    def _begin(self, history: Sequence[TrialRecord], replay: Replay) -> None:
        """Start from `history`, and repeat the trials of `replay`."""
        plan = self._plan
        self._replay = replay
        self._recorded = replay.finished
        self._ask_tell = AskTell(plan, history, replay, self._outside)
        self._pruning = Pruning(
            plan.spec.pruner, plan.directions[0], plan.spec.budget.epochs, plan.spec.sampler.seed
        )
        self._pruning.replay(history, self._group_of)
        self._interrupted = [record for record in history if not record.state.is_finished()]
        #: Trials that have ended, those of the history included.
        self._finished = len(history) - len(self._interrupted)
        #: Batches that train, each with the work at which its rung should be reached: the work
        #: done when it was submitted plus its own.
        self._batches: list[tuple[int, TrialBatch]] = []
        #: Work of that kind at which the batch collected last should have been ready.
        self._work_done = 0

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials, finished or not, in the order in which they were recorded or asked."""
        return tuple(self._records.values())

    @property
    def progress(self) -> Progress:
        """Counts of trials, rate and time left."""
        return self._tracker.progress(self._ask_tell.total)

    @property
    def seconds_left(self) -> float | None:
        """Seconds left of the budget's wall-clock limit; None where there is no limit."""
        return self._tracker.seconds_left

    def run(self) -> Iterator[Event]:
        """Yield events until the budget is used up or somebody ends the search.

        Raises Interrupted where a stop is asked for. Unfinished trials are yielded as paused or
        cancelled before that. An interrupted search is repeated up to where it was, see
        `search.driver.replay`, without events.
        """
        try:
            yield from self._run()
        except ReplayMismatch as mismatch:
            for _, batch in self._batches:
                batch.abandon()
            yield Noted(note=_NOTE.format(reason=mismatch))
            self._begin(sorted(self.trials, key=lambda record: record.number), Replay())
            yield from self._run()

    def _run(self) -> Iterator[Event]:
        trials = self._plan.spec.budget.trials
        places = self._plan.spec.evaluation.searches * len(self._plan.arms.names)
        most_batches = MAX_BATCHES * self._plan.backend.ahead
        while True:
            control = self._control()
            if control.stop is not None:
                yield from self._end_running(STOP_ACTIONS[control.stop].finalize)
                raise Interrupted(control.stop)
            if control.finish:
                yield from self._end_running(_ended)
                return
            self._ask_tell.request(control.requests)
            most = LARGEST_BATCH[self._plan.backend.device]
            size = trial_batch_size(trials, self._finished, most, places)
            while len(self._batches) < most_batches and (records := self._new_trials(size)):
                yield from self._start(records)
            if not self._batches:
                yield ProgressMade(progress=self.progress)
                return
            # Among equals `min` returns the batch submitted first.
            soonest = min(self._batches, key=itemgetter(0))
            _, batch = soonest
            if not batch.is_ready(within=self._flush_at - monotonic()):
                yield ProgressMade(progress=self.progress)
                self._flush_at = monotonic() + FLUSH_INTERVAL_S
            self._batches.remove(soonest)
            self._work_done, _ = soonest
            best = self._tracker.best_value
            yield from self._advance(batch)
            if self._tracker.best_value != best:
                self._flush_at = 0.0  # a new best is reported at once

    def _new_trials(self, size: int) -> list[TrialRecord]:
        """Return up to `size` trials to start: interrupted ones first, then new proposals."""
        if self._interrupted:
            first, self._interrupted = self._interrupted[:size], self._interrupted[size:]
            return [_restarted(record) for record in first]
        return [] if self._tracker.out_of_time else self._ask_tell.ask(size)

    def _start(self, records: Sequence[TrialRecord]) -> Iterator[TrialsChanged]:
        """Submit `records` as one batch, with their numbers of parameters filled in."""
        data = self._plan.data
        records = [
            replace(
                record,
                parameters=parameter_count(
                    NetworkConfig.from_params(record.params, self._plan.space.own),
                    features=data.features_in,
                    outputs=data.outputs,
                ),
            )
            for record in records
        ]
        for record in records:
            self._pruning.start(record.number, self._group_of(record))
        finished = {r.number: self._recorded[r.number] for r in records if self._is_recorded(r)}
        self._submit(TrialBatch(self._plan, records, self._data, self._store, finished))
        yield from self._changed(records)

    def _group_of(self, record: TrialRecord) -> str:
        """Return the name of the trials that a trial is compared with."""
        return f"{self._plan.arms.of(record.params)}, search {record.search}"

    def _is_recorded(self, record: TrialRecord) -> bool:
        return record.number in self._recorded

    def _advance(self, batch: TrialBatch) -> Iterator[TrialsChanged]:
        """Wait for a batch's rung, submit its survivors again, tell the sampler the results."""
        changed = batch.collect(self._pruning)
        if batch.running:
            self._submit(batch)
        for record in changed:
            if record.state.is_finished():
                self._finished += 1
                self._ask_tell.tell(record)
        yield from self._changed(changed)

    def _submit(self, batch: TrialBatch) -> None:
        work = batch.submit(self._executor)
        self._batches.append((self._work_done + work, batch))

    def _changed(self, records: Sequence[TrialRecord]) -> Iterator[TrialsChanged]:
        """Yield what is not recorded as it is."""
        new = [record for record in records if not self._is_recorded(record)]
        if new:
            self._tracker.count(new)
            self._records |= {record.number: record for record in new}
            yield TrialsChanged(trials=tuple(new))

    def _end_running(self, finalize: Callable[[TrialRecord], TrialRecord]) -> Iterator[Event]:
        for _, batch in self._batches:
            batch.abandon()
        stopped = [
            finalize(record)
            for _, record in sorted(self._records.items())
            if not record.state.is_finished()
        ]
        if stopped:
            yield from self._changed(stopped)
            yield ProgressMade(progress=self.progress)


def trial_batch_size(
    trials: int, finished: int, most: int = LARGEST_BATCH[Device.CPU], places: int = 1
) -> int:
    """Return how many trials to ask for together, of `trials` in all, after `finished` of them.

    Trials of one batch do not learn from each other. So batches are small at first, when every
    result changes which configurations are worth trying, and later large enough to fill stacks and
    to share the cost of fitting the sampler's model. Trials of different `places`, arms of
    searches, would not learn from each other in any case.
    """
    alone = min(max(2, min(most, trials // 12)), max(4, finished // 8))
    return max(alone if places == 1 else min(alone, 4), min(most, places * most // _PLACES))


def _restarted(record: TrialRecord) -> TrialRecord:
    """Return an interrupted trial as it was proposed, to be trained from epoch 0 again."""
    return TrialRecord(
        number=record.number,
        state=TrialState.RUNNING,
        source=record.source,
        params=record.params,
        distributions=record.distributions,
        started_at=datetime.now(UTC),
        request_id=record.request_id,
        search=record.search,
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


def _ended(record: TrialRecord) -> TrialRecord:
    """Return a trial that the end of the search has cut short; its last score counts."""
    return replace(
        record,
        state=TrialState.PRUNED if record.intermediate_values else TrialState.FAIL,
        error="the search was ended before this trial finished",
        flags=(*record.flags, "cancelled"),
        finished_at=datetime.now(UTC),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAction:
    """A row of the table below: the effect of a stop on the study and its unfinished trials."""

    study_state: StudyState
    #: Returns an unfinished trial as it is recorded.
    finalize: Callable[[TrialRecord], TrialRecord]


STOP_ACTIONS: dict[Stop, StopAction] = {
    Stop.PAUSE: StopAction(study_state=StudyState.PAUSED, finalize=_waiting),
    Stop.CANCEL: StopAction(study_state=StudyState.CANCELLED, finalize=_cancelled),
}
