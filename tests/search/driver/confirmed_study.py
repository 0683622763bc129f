"""A small study with a confirmation, and its confirmation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from search.analysis.candidates import Candidate, config_key, select_candidates
from search.data.datasets import Dataset, load_builtin
from search.data.fold_arrays import TrainingData
from search.driver.confirm_phase import Confirmation
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import plan_study
from search.driver.resplits import Resplits
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
    StudySpec,
)
from search.training.executors import InlineExecutor
from search.training.segment import Segment
from tests.search.driver.events import trials_of

T = TypeVar("T")

EVALUATION = Evaluation(folds=2, confirm_top=2, confirm_repeats=2)
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
    budget=Budget(trials=12, epochs=4),
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


def confirm(
    spec: StudySpec, dataset: Dataset, candidates: tuple[Candidate, ...], folder: Path
) -> tuple[list[Event], list[tuple[Lane, TrainingData]]]:
    """Run the confirmation of `candidates`; return its events and the lanes it trained."""
    executor = RecordingExecutor()
    plan = plan_study(spec, dataset)
    confirmation = Confirmation(plan, Resplits(plan), candidates, ())
    base = Progress(trials_total=12, trials_finished=12)
    events = list(confirmation.run(base, OrderedJobs(executor, folder)))
    assert list(folder.iterdir()) == []
    return events, executor.trained


def candidates_of(events: Iterable[Event], top: int = 2) -> tuple[Candidate, ...]:
    plan = plan_study(SPEC, load_builtin("iris"))
    return select_candidates(trials_of(events), plan.objectives[0].direction, top)


def timeless(runs: Iterable[ConfirmationRun]) -> list[ConfirmationRun]:
    """Return the runs without the time they took."""
    return [replace(run, fit_seconds=0.0) for run in runs]


def outcome(runs: Iterable[ConfirmationRun]) -> list[ConfirmationRun]:
    """Return the runs in one order, without the time they took."""
    return sorted(timeless(runs), key=lambda r: (r.repeat, r.fold, r.role, config_key(r.params)))
