"""Runs a study: asks, packs, trains rung by rung, prunes, tells, and reports what happened.

Some cohorts are in flight: while one is judged and asked anew, the others train. They take turns
in the order in which they ought to be ready, by the work they were sent off with. The order of
asks, tells and pruning decisions therefore never depends on which worker was quicker, and a seed
gives the same trials with the same values on any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from optuna.trial import TrialState

from search.analysis.candidates import contenders
from search.data.datasets import Dataset
from search.driver.ask_tell import Proposals
from search.driver.confirm_phase import Confirmation
from search.driver.holdout_phase import held_out
from search.driver.ordered_jobs import Conveyor, Interrupted
from search.driver.plan import StudyPlan, plan_study
from search.driver.progress import Tally
from search.driver.resplits import Repeats
from search.driver.trial_batch import Cohort
from search.networks.cost import parameter_count
from search.networks.lane import NetworkConfig
from search.pruners import Pruning
from search.study import (
    ConfirmationRun,
    Control,
    Event,
    Phase,
    PhaseStarted,
    Progress,
    ProgressMade,
    Stop,
    StudyEnded,
    StudySpec,
    StudyState,
    TrialRecord,
    TrialsChanged,
)
from search.training.device import Device
from search.training.executors import InlineExecutor
from search.training.worker_files import Shelf, save_data

#: Fewer leave workers idle at late rungs, where few trials are left of each; more are proposed
#: without knowing what the others come to.
_IN_FLIGHT = 5
#: Seconds that what happened may wait to be told together with what happens next.
_MOMENT_S = 0.1


def run_study(
    spec: StudySpec,
    dataset: Dataset,
    *,
    history: Sequence[TrialRecord] = (),
    confirmations: Sequence[ConfirmationRun] = (),
    control: Callable[[], Control] = Control,
    executor: Executor | None = None,
    device: Device = Device.CPU,
) -> Iterator[Event]:
    """Run `spec` from where `history` left it, yielding what happens.

    `history` holds the recorded trials: finished ones teach the sampler, interrupted ones are
    trained again under their number, with the same result. Of the confirmation only what
    `confirmations` lacks is trained. `control` is asked between rungs, and between stacks of the
    confirmation. Without an executor everything runs in this process; `device`, which trains there,
    is what `usable_device` returned. Raises InvalidInput where the spec does not fit the dataset;
    the last event otherwise is a StudyEnded.
    """
    plan = plan_study(spec, dataset, device)
    workers = executor or InlineExecutor()
    # What was stopped may still be writing into the folder while it is removed.
    with TemporaryDirectory(prefix="activation-search-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        state = StudyState.COMPLETED
        try:
            yield PhaseStarted(phase=Phase.SEARCH)
            search = _Search(plan, history, control, workers, folder)
            yield from search.run()
            yield from _evidence(plan, search, confirmations, Conveyor(workers, folder, control))
        except Interrupted as wish:
            state = _STOPPED[wish.stop][1]
        yield StudyEnded(state=state)


def _evidence(
    plan: StudyPlan, search: _Search, recorded: Sequence[ConfirmationRun], conveyor: Conveyor
) -> Iterator[Event]:
    """Train the best again, then score the winner of that on the test rows."""
    evaluation = plan.spec.evaluation
    chosen = contenders(search.trials, plan.objectives[0].direction, evaluation.confirm_top)
    if not chosen:
        return
    yield PhaseStarted(phase=Phase.CONFIRM)
    repeats = Repeats(plan)
    confirmation = Confirmation(plan, repeats, chosen, recorded, seconds=search.seconds_left)
    yield from confirmation.run(search.progress, conveyor)
    if evaluation.test_fraction > 0:
        yield PhaseStarted(phase=Phase.TEST)
    yield from held_out(plan, repeats, confirmation.runs, conveyor)


class _Search:
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
        self._proposals = Proposals(plan, history)
        self._pruning = Pruning(
            plan.spec.pruner, plan.directions[0], plan.spec.budget.epochs, plan.spec.sampler.seed
        )
        self._pruning.replay(history)
        self._tally = Tally(plan, history)
        self._interrupted = [record for record in history if not record.state.is_finished()]
        self._data = save_data(plan.data, folder)
        self._shelf = Shelf(folder)
        self._records = {record.number: record for record in history}
        #: Cohorts under way, with the work that will have been done when each ought to be ready.
        self._cohorts: list[tuple[int, Cohort]] = []
        #: The same of the cohort that was ready last.
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
        return self._tally.progress(self._proposals.total)

    @property
    def seconds_left(self) -> float | None:
        """What the budget's wall-clock limit leaves; None where there is no limit."""
        return self._tally.seconds_left

    def run(self) -> Iterator[Event]:
        """Yield events until the budget is used up; raises Interrupted where a stop is wanted."""
        trials = self._plan.spec.budget.trials
        while True:
            wish = self._control()
            if wish.stop is not None:
                yield from self._stopped(wish.stop)
                raise Interrupted(wish.stop)
            self._proposals.request(wish.requests)
            size = cohort_size(trials, self._tally.finished)
            while len(self._cohorts) < _IN_FLIGHT and (fresh := self._fresh(size)):
                yield self._started(fresh)
            if not self._cohorts:
                yield ProgressMade(progress=self.progress)
                return
            # The first of the list among equals, as `min` gives it.
            soonest = min(self._cohorts, key=itemgetter(0))
            _, cohort = soonest
            if not cohort.is_ready(within=self._tell_at - monotonic()):
                yield ProgressMade(progress=self.progress)
                self._tell_at = monotonic() + _MOMENT_S
            self._cohorts.remove(soonest)
            self._done, _ = soonest
            best = self._tally.best_value
            yield self._advance(cohort)
            if self._tally.best_value != best:
                self._tell_at = 0.0  # what people wait for is told at once

    def _fresh(self, size: int) -> list[TrialRecord]:
        """Return trials to start: the interrupted ones first, then new proposals."""
        if self._interrupted:
            batch, self._interrupted = self._interrupted[:size], self._interrupted[size:]
            return [_restarted(record) for record in batch]
        return [] if self._tally.out_of_time else self._proposals.ask(size)

    def _started(self, fresh: Sequence[TrialRecord]) -> TrialsChanged:
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
            for record in fresh
        ]
        for record in records:
            self._pruning.start(record.number, record.activation)
        self._submit(Cohort(self._plan, records, self._data, self._shelf))
        return self._changed(records)

    def _advance(self, cohort: Cohort) -> TrialsChanged:
        """Wait for a cohort's rung, judge it, send the survivors on, teach the sampler."""
        changed = cohort.collect(self._pruning)
        if cohort.running:
            self._submit(cohort)
        for record in changed:
            if record.state.is_finished():
                self._proposals.tell(record)
        return self._changed(changed)

    def _submit(self, cohort: Cohort) -> None:
        work = cohort.submit(self._executor)
        self._cohorts.append((self._done + work, cohort))

    def _changed(self, records: Sequence[TrialRecord]) -> TrialsChanged:
        self._tally.count(records)
        self._records |= {record.number: record for record in records}
        return TrialsChanged(trials=tuple(records))

    def _stopped(self, stop: Stop) -> Iterator[Event]:
        mark, _ = _STOPPED[stop]
        stopped = [record for _, cohort in self._cohorts for record in cohort.abandon(mark)]
        stopped += [mark(record) for record in self._interrupted]
        if stopped:
            yield self._changed(sorted(stopped, key=lambda record: record.number))
            yield ProgressMade(progress=self.progress)


def cohort_size(trials: int, finished: int) -> int:
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


def _given_up(record: TrialRecord) -> TrialRecord:
    return replace(
        record,
        state=TrialState.FAIL,
        error="the study was cancelled before this trial finished",
        flags=("cancelled",),
        finished_at=datetime.now(UTC),
    )


_STOPPED: dict[Stop, tuple[Callable[[TrialRecord], TrialRecord], StudyState]] = {
    Stop.PAUSE: (_waiting, StudyState.PAUSED),
    Stop.CANCEL: (_given_up, StudyState.CANCELLED),
}
