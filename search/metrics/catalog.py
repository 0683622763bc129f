"""The metrics of networks, one row each, to optimise or to record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any

from numpy.typing import NDArray

from search.errors import InvalidInput, UnknownChoice
from search.metrics import contributions, scores
from search.metrics.scores import Floats, Scorer
from search.study import Task

CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})

#: Optuna's plots and the verdict read at most a front of two objectives.
MAX_OBJECTIVES = 2


class Direction(StrEnum):
    """Which way is better, in Optuna's words."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Source(StrEnum):
    """The origin of a metric's value."""

    PREDICTIONS = "predictions"
    #: A cost of the network itself; the engine measures it.
    NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, to optimise or to record."""

    name: str
    title: str
    description: str
    direction: Direction
    #: The least and the greatest value there can be.
    limits: tuple[float, float] = (0.0, inf)
    tasks: frozenset[Task]
    #: `score(y, prediction) -> (L,)`; raises TypeError for a cost of the network.
    score: Scorer
    #: `rows(y, prediction) -> (L, N)`: contributions of rows that average to the score, see
    #: `search.metrics.contributions`; raises TypeError for a cost of the network.
    rows: Scorer
    source: Source = Source.PREDICTIONS
    #: Cheap enough to be recorded at every evaluation.
    recorded: bool = False


def _not_from_predictions(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    raise TypeError("a cost of the network is measured by the engine, not read off predictions")


_ROWS = (
    Metric(
        name="log_loss",
        title="Log loss",
        description="Mean negative log probability of the true class; judges the probabilities.",
        direction=Direction.MINIMIZE,
        tasks=CLASSIFICATION,
        score=scores.log_loss,
        rows=contributions.log_loss,
        recorded=True,
    ),
    Metric(
        name="accuracy",
        title="Accuracy",
        description="Share of rows whose most probable class is the true one.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=scores.accuracy,
        rows=contributions.accuracy,
        recorded=True,
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        description="Mean share of rows found in each class; all classes count alike.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=scores.balanced_accuracy,
        rows=contributions.balanced_accuracy,
    ),
    Metric(
        name="roc_auc",
        title="ROC AUC",
        description="Chance that a row of the class ranks above another; one against the rest.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=scores.roc_auc,
        rows=contributions.roc_auc,
    ),
    Metric(
        name="f1",
        title="F1",
        description="Harmonic mean of precision and recall; the mean over classes if several.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=scores.f1,
        rows=contributions.f1,
    ),
    Metric(
        name="mse",
        title="Mean squared error",
        description="Mean squared difference, in squared units of the target.",
        direction=Direction.MINIMIZE,
        tasks=REGRESSION,
        score=scores.mse,
        rows=contributions.mse,
        recorded=True,
    ),
    Metric(
        name="mae",
        title="Mean absolute error",
        description="Mean absolute difference, in units of the target.",
        direction=Direction.MINIMIZE,
        tasks=REGRESSION,
        score=scores.mae,
        rows=contributions.mae,
        recorded=True,
    ),
    Metric(
        name="r2",
        title="R²",
        description="Share of the target's variance that is explained; 0 is as good as the mean.",
        direction=Direction.MAXIMIZE,
        limits=(-inf, 1.0),
        tasks=REGRESSION,
        score=scores.r2,
        rows=contributions.r2,
        recorded=True,
    ),
    Metric(
        name="parameters",
        title="Parameters",
        description="Trainable parameters of the network.",
        direction=Direction.MINIMIZE,
        tasks=CLASSIFICATION | REGRESSION,
        score=_not_from_predictions,
        rows=_not_from_predictions,
        source=Source.NETWORK,
    ),
    Metric(
        name="latency",
        title="Latency",
        description="Median milliseconds that the network takes to predict one row, measured.",
        direction=Direction.MINIMIZE,
        tasks=CLASSIFICATION | REGRESSION,
        score=_not_from_predictions,
        rows=_not_from_predictions,
        source=Source.NETWORK,
    ),
)

METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}

_DEFAULT_OBJECTIVES: dict[Task, tuple[str, ...]] = {
    Task.REGRESSION: ("mse",),
    Task.BINARY: ("log_loss",),
    Task.MULTICLASS: ("log_loss",),
}


def default_objectives(task: Task) -> tuple[str, ...]:
    """Return the names of the objectives of a study of `task` that names none."""
    return _DEFAULT_OBJECTIVES[task]


def task_metrics(task: Task) -> tuple[Metric, ...]:
    """Return the cheap metrics of `task`, recorded at every evaluation."""
    return tuple(row for row in _ROWS if row.recorded and task in row.tasks)


def get_metric(name: str) -> Metric:
    """Return the metric `name`; UnknownChoice where there is none."""
    try:
        return METRICS[name]
    except KeyError:
        raise UnknownChoice("objective", name, METRICS, pointer="/objectives") from None


def check_objectives(names: Sequence[str], task: Task) -> tuple[Metric, ...]:
    """Return the metrics `names`, or those of the default for no names; the first one prunes.

    Raises UnknownChoice for a name that is not in the table, and InvalidInput where the objectives
    do not fit `task`, repeat themselves, are more than two, or do not begin with a score.
    """
    objectives = tuple(get_metric(name) for name in names or default_objectives(task))
    for metric in objectives:
        if task not in metric.tasks:
            fitting = ", ".join(row.name for row in _ROWS if task in row.tasks)
            raise _refused(
                f"objective '{metric.name}' does not fit task '{task}'; choose one of {fitting}"
            )
    if len(objectives) > MAX_OBJECTIVES:
        raise _refused(
            f"{len(objectives)} objectives were given, at most {MAX_OBJECTIVES} can be optimised "
            f"together; keep the {MAX_OBJECTIVES} that decide"
        )
    if len(set(names)) < len(names):
        raise _refused(f"objective '{names[0]}' is given twice; name it once")
    if objectives[0].source is Source.NETWORK:
        scores = ", ".join(
            row.name for row in _ROWS if task in row.tasks and row.source is Source.PREDICTIONS
        )
        raise _refused(
            f"objective '{objectives[0].name}' is a cost, and the cheapest network learns nothing; "
            f"put a score first, one of {scores}"
        )
    return objectives


def _refused(detail: str) -> InvalidInput:
    return InvalidInput(detail, pointer="/objectives")
