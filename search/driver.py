"""Runs a study: asks, packs, trains rung by rung, prunes, tells, and reports what happened.

Two cohorts are in flight, and they take turns in a fixed order: while one is judged and asked anew,
the other trains. The order of asks, tells and pruning decisions therefore never depends on which
worker was quicker, and a seed gives the same trials with the same values on any number of workers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from optuna.trial import TrialState

from search.cohort import Cohort
from search.cost import parameter_count
from search.datasets import Dataset
from search.lane import NetworkConfig
from search.plan import StudyPlan, plan_study
from search.pool import InlineExecutor, save_data
from search.progress import Tally
from search.proposals import Proposals
from search.pruners import Pruning
from search.study import (
    Control,
    Event,
    Phase,
    PhaseStarted,
    ProgressMade,
    Stop,
    StudyEnded,
    StudySpec,
    StudyState,
    TrialRecord,
    TrialsChanged,
)

_IN_FLIGHT = 2


def run_study(
    spec: StudySpec,
    dataset: Dataset,
    *,
    history: Sequence[TrialRecord] = (),
    control: Callable[[], Control] = Control,
    executor: Executor | None = None,
) -> Iterator[Event]:
    """Run `spec` from where `history` left it, yielding what happens.

    `history` holds the recorded trials: finished ones teach the sampler, interrupted ones are
    trained again under their number, with the same result. `control` is asked between rungs.
    Without an executor everything runs in this process. Raises InvalidInput where the spec does
    not fit the dataset; the last event otherwise is a StudyEnded.
    """
    plan = plan_study(spec, dataset)
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(TemporaryDirectory(prefix="activation-search-"))
        yield PhaseStarted(phase=Phase.SEARCH)
        yield from _Search(plan, history, control, executor or InlineExecutor(), folder).run()


class _Search:
    """One run of the search phase."""

    def __init__(
        self,
        plan: StudyPlan,
        history: Sequence[TrialRecord],
        control: Callable[[], Control],
        executor: Executor,
        folder: str,
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
        self._data = save_data(plan.data, Path(folder))
        self._cohorts: deque[Cohort] = deque()

    def run(self) -> Iterator[Event]:
        """Yield events until the budget is used up or the outside wants a stop."""
        size = cohort_size(self._plan.spec.budget.trials)
        while True:
            wish = self._control()
            if wish.stop is not None:
                yield from self._stopped(wish.stop)
                return
            self._proposals.request(wish.requests)
            while len(self._cohorts) < _IN_FLIGHT and (fresh := self._fresh(size)):
                yield from self._started(fresh)
            if not self._cohorts:
                yield StudyEnded(state=StudyState.COMPLETED)
                return
            yield from self._advance(self._cohorts.popleft())

    def _fresh(self, size: int) -> list[TrialRecord]:
        """Return trials to start: the interrupted ones first, then new proposals."""
        if self._interrupted:
            batch, self._interrupted = self._interrupted[:size], self._interrupted[size:]
            return [_restarted(record) for record in batch]
        return [] if self._tally.out_of_time else self._proposals.ask(size)

    def _started(self, fresh: Sequence[TrialRecord]) -> Iterator[Event]:
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
        cohort = Cohort(self._plan, records)
        cohort.submit(self._executor, self._data)
        self._cohorts.append(cohort)
        yield from self._changed(records)

    def _advance(self, cohort: Cohort) -> Iterator[Event]:
        """Wait for a cohort's rung, judge it, send the survivors on, teach the sampler."""
        changed = cohort.collect(self._pruning)
        if cohort.running:
            cohort.submit(self._executor, self._data)
            self._cohorts.append(cohort)
        for record in changed:
            if record.state.is_finished():
                self._proposals.tell(record)
        yield from self._changed(changed)

    def _changed(self, records: Sequence[TrialRecord]) -> Iterator[Event]:
        self._tally.count(records)
        yield TrialsChanged(trials=tuple(records))
        yield ProgressMade(progress=self._tally.progress(self._proposals.total))

    def _stopped(self, stop: Stop) -> Iterator[Event]:
        mark, state = _STOPPED[stop]
        stopped = [record for cohort in self._cohorts for record in cohort.abandon(mark)]
        stopped += [mark(record) for record in self._interrupted]
        if stopped:
            yield from self._changed(sorted(stopped, key=lambda record: record.number))
        yield StudyEnded(state=state)


def cohort_size(trials: int) -> int:
    """Trials asked together: enough to fill stacks, few enough for the sampler to learn between."""
    return max(4, min(32, trials // 6))


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
