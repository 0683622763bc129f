"""A small study with a race and a confirmation, and its confirmation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from search.analysis.candidates import (
    Candidate,
    config_key,
    select_baseline,
    select_champions,
    select_entrants,
)
from search.data.datasets import Dataset, load_builtin
from search.data.fold_arrays import TrainingData
from search.driver.confirm_phase import Confirmation
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan, plan_study
from search.networks.lane import Lane
from search.study import (
    Budget,
    Choices,
    ConfirmationRun,
    Evaluation,
    Event,
    Progress,
    Range,
    SamplerSpec,
    Stage,
    StudySpec,
    TrialRecord,
)
from search.training.executors import InlineExecutor
from search.training.segment import Segment
from tests.search.driver.events import runs_of, trials_of

T = TypeVar("T")

#: Trials of two searches of three arms.
TRIALS = 60
EVALUATION = Evaluation(searches=2, folds=2, confirm_top=2, confirm_repeats=2)
SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh", "prelu")),
        "depth": Range(low=1, high=3),
        # Several of both, so that the candidates need several stacks.
        "width": Choices(values=(6, 8)),
        "batch_size": Choices(values=(16, 32)),
    },
    sampler=SamplerSpec(seed=3),
    budget=Budget(trials=TRIALS, epochs=4),
    evaluation=EVALUATION,
)


class RecordingExecutor(InlineExecutor):
    """Records which lanes were trained on which data."""

    def __init__(self) -> None:
        self.trained: list[tuple[Lane, TrainingData]] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        if isinstance(args[0], Segment):
            data = args[1].load()
            self.trained += [(lane, data) for lane in args[0].lanes]
        return super().submit(fn, *args, **kwargs)


def plan_of(spec: StudySpec = SPEC) -> StudyPlan:
    return plan_study(spec, load_builtin(spec.dataset))


def confirm(
    spec: StudySpec,
    dataset: Dataset,
    trials: Sequence[TrialRecord],
    folder: Path,
    recorded: Sequence[ConfirmationRun] = (),
) -> tuple[list[Event], list[tuple[Lane, TrainingData]]]:
    """Run the confirmation of `trials`; return its events and the lanes it trained."""
    executor = RecordingExecutor()
    confirmation = Confirmation(plan_study(spec, dataset), trials, recorded)
    base = Progress(trials_total=TRIALS, trials_finished=TRIALS)
    events = list(confirmation.run(base, OrderedJobs(executor, folder)))
    assert list(folder.iterdir()) == []
    return events, executor.trained


def entrants_of(events: Iterable[Event], spec: StudySpec = SPEC) -> tuple[Candidate, ...]:
    plan = plan_of(spec)
    top = spec.evaluation.confirm_top
    return select_entrants(trials_of(events), plan.arms, plan.objectives[0].direction, top)


def champions_of(events: Iterable[Event], spec: StudySpec = SPEC) -> tuple[Candidate, ...]:
    """Return the champions and the baseline of a study whose race is over."""
    events, plan = list(events), plan_of(spec)
    champions = select_champions(entrants_of(events, spec), runs_of(events), plan.objectives[0])
    baseline = select_baseline(champions, trials_of(events), plan.arms)
    return champions if baseline is None else (*champions, baseline)


def stage_of(events: Iterable[Event], stage: Stage) -> tuple[ConfirmationRun, ...]:
    return tuple(run for run in runs_of(events) if run.stage is stage)


def timeless(runs: Iterable[ConfirmationRun]) -> list[ConfirmationRun]:
    """Return the runs without the time they took."""
    return [replace(run, fit_seconds=0.0) for run in runs]


def outcome(runs: Iterable[ConfirmationRun]) -> list[ConfirmationRun]:
    """Return the runs in one order, without the time they took."""

    def order(run: ConfirmationRun) -> tuple[Any, ...]:
        search = -1 if run.search is None else run.search
        key = config_key(run.params)
        return (run.stage, run.repeat, run.fold, run.role, search, run.arm, key)

    return sorted(timeless(runs), key=order)
