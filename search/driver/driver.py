"""Runs a study through its phases: search, confirmation, test.

Several batches of trials train at a time: while the driver decides on one and asks for new trials,
the workers train the others. Batches are collected in the order in which they should be ready, by
the work that each was submitted with. The order of asks, tells and pruning decisions therefore
never depends on which worker was quicker, and a seed gives the same trials with the same values on
any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from tempfile import TemporaryDirectory

from search.data.datasets import Dataset
from search.driver.common_failure import common_failure
from search.driver.confirm_phase import Confirmation
from search.driver.holdout_phase import evaluate_holdout
from search.driver.ordered_jobs import Interrupted, OrderedJobs
from search.driver.plan import StudyPlan, plan_study
from search.driver.search_phase import STOP_ACTIONS, SearchPhase
from search.study import (
    ConfirmationRun,
    Control,
    Event,
    OutsideTrial,
    Phase,
    PhaseStarted,
    StudyEnded,
    StudySpec,
    StudyState,
    TrialRecord,
    TrialRequest,
)
from search.training.backend import PROCESSOR, Backend
from search.training.executors import InlineExecutor


def run_study(
    spec: StudySpec,
    dataset: Dataset,
    *,
    history: Sequence[TrialRecord] = (),
    requests: Sequence[TrialRequest] = (),
    outside: Sequence[OutsideTrial] = (),
    confirmations: Sequence[ConfirmationRun] = (),
    control: Callable[[], Control] = Control,
    executor: Executor | None = None,
    backend: Backend = PROCESSOR,
) -> Iterator[Event]:
    """Run `spec` on `dataset`, yielding events; the last one is a StudyEnded.

    `history` holds the recorded trials, and `requests` those that they answer: the search is
    repeated up to where it was interrupted, and interrupted trials are trained again under their
    number, so it ends as if nothing had been (see `search.driver.replay`). `outside` holds trials
    of other programs, which teach the samplers where they fit the space. `confirmations` holds
    the recorded confirmation runs; only missing ones are trained. `control` is polled between
    rungs, and between stacks of the confirmation and of the test. Without `executor` everything
    runs in this process. `backend`, from `usable_backend`, is what the executor's processes train
    on. Raises InvalidInput where the spec does not fit the dataset.
    """
    plan = plan_study(spec, dataset, backend)
    workers = executor or InlineExecutor()
    # Cancelled jobs may still be writing into the folder while it is removed.
    with TemporaryDirectory(prefix="activation-search-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        error: str | None = None
        try:
            yield PhaseStarted(phase=Phase.SEARCH)
            search = SearchPhase(
                plan, history, control, workers, folder, requests=requests, outside=outside
            )
            yield from search.run()
            error = common_failure(search.trials)
            state = StudyState.FAILED if error else StudyState.COMPLETED
            yield from _confirm_and_test(
                plan, search, confirmations, OrderedJobs(workers, folder, control)
            )
        except Interrupted as interruption:
            state = STOP_ACTIONS[interruption.stop].study_state
        yield StudyEnded(state=state, error=error if state is StudyState.FAILED else None)


def _confirm_and_test(
    plan: StudyPlan, search: SearchPhase, recorded: Sequence[ConfirmationRun], jobs: OrderedJobs
) -> Iterator[Event]:
    """Confirm the best trials, then score the winner of the confirmation on the test rows."""
    confirmation = Confirmation(plan, search.trials, recorded, seconds=search.seconds_left)
    if not confirmation.entrants:
        return
    yield PhaseStarted(phase=Phase.CONFIRM)
    yield from confirmation.run(search.progress, jobs)
    if plan.spec.evaluation.test_fraction > 0:
        yield PhaseStarted(phase=Phase.TEST)
    yield from evaluate_holdout(plan, confirmation.resplits, confirmation.runs, jobs)
