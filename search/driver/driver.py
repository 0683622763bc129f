"""Runs a study: asks, packs, trains rung by rung, prunes, tells, and reports what happened.

Some batches are in flight: while one is judged and asked anew, the others train. They take turns
in the order in which they ought to be ready, by the work they were sent off with. The order of
asks, tells and pruning decisions therefore never depends on which worker was quicker, and a seed
gives the same trials with the same values on any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from tempfile import TemporaryDirectory

from search.analysis.candidates import select_candidates
from search.data.datasets import Dataset
from search.driver.common_failure import common_failure
from search.driver.confirm_phase import Confirmation
from search.driver.holdout_phase import held_out
from search.driver.ordered_jobs import Interrupted, OrderedJobs
from search.driver.plan import StudyPlan, plan_study
from search.driver.resplits import Resplits
from search.driver.search_phase import _STOPPED, SearchPhase
from search.study import (
    ConfirmationRun,
    Control,
    Event,
    Phase,
    PhaseStarted,
    StudyEnded,
    StudySpec,
    StudyState,
    TrialRecord,
)
from search.training.device import Device
from search.training.executors import InlineExecutor


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
        state, error = StudyState.COMPLETED, None
        try:
            yield PhaseStarted(phase=Phase.SEARCH)
            search = SearchPhase(plan, history, control, workers, folder)
            yield from search.run()
            error = common_failure(search.trials)
            yield from _confirm_and_test(
                plan, search, confirmations, OrderedJobs(workers, folder, control)
            )
        except Interrupted as wish:
            state = _STOPPED[wish.stop][1]
        yield StudyEnded(state=state, error=error if state is StudyState.COMPLETED else None)


def _confirm_and_test(
    plan: StudyPlan, search: SearchPhase, recorded: Sequence[ConfirmationRun], jobs: OrderedJobs
) -> Iterator[Event]:
    """Train the best again, then score the winner of that on the test rows."""
    evaluation = plan.spec.evaluation
    chosen = select_candidates(search.trials, plan.objectives[0].direction, evaluation.confirm_top)
    if not chosen:
        return
    yield PhaseStarted(phase=Phase.CONFIRM)
    repeats = Resplits(plan)
    confirmation = Confirmation(plan, repeats, chosen, recorded, seconds=search.seconds_left)
    yield from confirmation.run(search.progress, jobs)
    if evaluation.test_fraction > 0:
        yield PhaseStarted(phase=Phase.TEST)
    yield from held_out(plan, repeats, confirmation.runs, jobs)
