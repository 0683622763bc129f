"""The metrics of networks, a row each, computed for all lanes of a stack at once.

`L` lanes, `N` rows, `C` classes. A score takes

- y `(N,)`: class codes 0..C-1, or values in the target's units for regression;
- prediction `(L, N, C)` probabilities for multiclass, `(L, N, 1)` P(class 1) for binary,
  `(L, N, 1)` values in the target's units for regression;

and returns `(L,)` float64. It never raises on predictions: a lane with a NaN or infinite prediction
scores NaN, as does a score that the rows do not define (see each row). Values agree with
scikit-learn's functions of the same names, which the tests hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.errors import InvalidInput, UnknownChoice
from search.study import Task

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Scorer: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], Floats]

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
    source: Source = Source.PREDICTIONS
    #: Cheap enough to be recorded at every evaluation.
    recorded: bool = False


def log_loss(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean negative log probability of the true class, clipped at the epsilon of the dtype."""
    codes = y.astype(np.int64)
    if prediction.shape[2] == 1:
        p = prediction[:, :, 0]
        likelihood = np.where(codes == 1, p, 1 - p)  # (L, N)
    else:
        likelihood = prediction[:, np.arange(len(codes)), codes]  # (L, N)
    epsilon = np.finfo(prediction.dtype).eps
    likelihood = np.clip(likelihood, epsilon, 1 - epsilon)
    return _defined(prediction, -np.log(likelihood).mean(axis=1, dtype=np.float64))


def accuracy(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Share of rows whose most probable class is the true one."""
    return _defined(prediction, (_predicted_codes(prediction) == y).mean(axis=1, dtype=np.float64))


def balanced_accuracy(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean recall over the classes that stand in `y`."""
    confusion = _confusion(y, prediction)
    members = confusion.sum(axis=2)  # (L, C)
    hits = confusion.diagonal(axis1=1, axis2=2)
    present = members[0] > 0
    return _defined(prediction, (hits[:, present] / members[:, present]).mean(axis=1))


def f1(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """F1 of class 1 for binary, else the mean F1 of the classes that are true or predicted."""
    confusion = _confusion(y, prediction)
    hits = confusion.diagonal(axis1=1, axis2=2).astype(np.float64)  # (L, C)
    claims = confusion.sum(axis=1) + confusion.sum(axis=2)  # true + predicted, (L, C)
    scores = 2 * hits / np.maximum(claims, 1)
    if prediction.shape[2] == 1:
        return _defined(prediction, scores[:, 1])
    return _defined(prediction, scores.sum(axis=1) / np.maximum((claims > 0).sum(axis=1), 1))


def roc_auc(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Area under the ROC curve; for multiclass the mean of one class against the rest.

    A class without rows in `y` is left out of the mean (scikit-learn refuses to answer). NaN where
    `y` holds a single class.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - listing metrics must not load SciPy's stats

    codes = y.astype(np.int64)
    classes = [1] if prediction.shape[2] == 1 else range(prediction.shape[2])
    usable = np.where(np.isfinite(prediction), prediction, 0)
    areas = []
    for column, code in enumerate(classes):
        positive = codes == code
        count = int(positive.sum())
        rest = len(codes) - count
        if count and rest:
            ranks = rankdata(usable[:, :, column], axis=1)[:, positive].sum(axis=1)  # (L,)
            areas.append((ranks - count * (count + 1) / 2) / (count * rest))
    if not areas:
        return np.full(len(prediction), np.nan)
    return _defined(prediction, np.mean(areas, axis=0))


def mse(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean squared error."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _defined(prediction, np.square(_errors(y, prediction)).mean(axis=1))


def mae(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean absolute error."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _defined(prediction, np.abs(_errors(y, prediction)).mean(axis=1))


def r2(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Share of the target's variance that is explained.

    Where the target is constant: 1 for perfect predictions, else 0, as scikit-learn has it. NaN for
    fewer than two rows.
    """
    if len(y) < 2:
        return np.full(len(prediction), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        unexplained = np.square(_errors(y, prediction)).sum(axis=1)
        total = np.square(y - np.mean(y, dtype=np.float64)).sum(dtype=np.float64)
        if total > 0:
            return _defined(prediction, 1 - unexplained / total)
    return _defined(prediction, np.where(unexplained == 0, 1.0, 0.0))


def _defined(prediction: NDArray[Any], scores: Floats) -> Floats:
    """Return `scores` `(L,)`, NaN for the lanes that hold a prediction that is not finite."""
    finite = np.isfinite(prediction).all(axis=(1, 2))  # (L,)
    return np.where(finite, scores, np.nan)


def _predicted_codes(prediction: NDArray[Any]) -> Codes:
    """Return the predicted class codes `(L, N)`; a tie goes to the lower code."""
    if prediction.shape[2] == 1:
        return (prediction[:, :, 0] > 0.5).astype(np.int64)
    codes: Codes = prediction.argmax(axis=2)
    return codes


def _confusion(y: NDArray[Any], prediction: NDArray[Any]) -> Codes:
    """Return the counts of rows `(L, C, C)`, true class by predicted class."""
    lanes, classes = len(prediction), max(prediction.shape[2], 2)
    cells = y.astype(np.int64) * classes + _predicted_codes(prediction)  # (L, N)
    cells += (np.arange(lanes) * classes**2)[:, None]
    counts = np.bincount(cells.ravel(), minlength=lanes * classes**2)
    return counts.reshape(lanes, classes, classes)


def _errors(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return prediction minus truth `(L, N)`, in float64: squares of float32 overflow early."""
    errors: Floats = prediction[:, :, 0].astype(np.float64) - y
    return errors


def _not_from_predictions(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    raise TypeError("a cost of the network is measured by the engine, not read off predictions")


_ROWS = (
    Metric(
        name="log_loss",
        title="Log loss",
        description="Mean negative log probability of the true class; judges the probabilities.",
        direction=Direction.MINIMIZE,
        tasks=CLASSIFICATION,
        score=log_loss,
        recorded=True,
    ),
    Metric(
        name="accuracy",
        title="Accuracy",
        description="Share of rows whose most probable class is the true one.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=accuracy,
        recorded=True,
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        description="Mean share of rows found in each class; all classes count alike.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=balanced_accuracy,
    ),
    Metric(
        name="roc_auc",
        title="ROC AUC",
        description="Chance that a row of the class ranks above another; one against the rest.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=roc_auc,
    ),
    Metric(
        name="f1",
        title="F1",
        description="Harmonic mean of precision and recall; the mean over classes if several.",
        direction=Direction.MAXIMIZE,
        limits=(0.0, 1.0),
        tasks=CLASSIFICATION,
        score=f1,
    ),
    Metric(
        name="mse",
        title="Mean squared error",
        description="Mean squared difference, in squared units of the target.",
        direction=Direction.MINIMIZE,
        tasks=REGRESSION,
        score=mse,
        recorded=True,
    ),
    Metric(
        name="mae",
        title="Mean absolute error",
        description="Mean absolute difference, in units of the target.",
        direction=Direction.MINIMIZE,
        tasks=REGRESSION,
        score=mae,
        recorded=True,
    ),
    Metric(
        name="r2",
        title="R²",
        description="Share of the target's variance that is explained; 0 is as good as the mean.",
        direction=Direction.MAXIMIZE,
        limits=(-inf, 1.0),
        tasks=REGRESSION,
        score=r2,
        recorded=True,
    ),
    Metric(
        name="parameters",
        title="Parameters",
        description="Trainable parameters of the network.",
        direction=Direction.MINIMIZE,
        tasks=CLASSIFICATION | REGRESSION,
        score=_not_from_predictions,
        source=Source.NETWORK,
    ),
    Metric(
        name="latency",
        title="Latency",
        description="Median milliseconds that the network takes to predict one row, measured.",
        direction=Direction.MINIMIZE,
        tasks=CLASSIFICATION | REGRESSION,
        score=_not_from_predictions,
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


def chance_loss(task: Task, target: NDArray[Any]) -> float:
    """Return the training loss of the best constant prediction: class entropy, or variance.

    `target` is what the network is trained on (see `search.data.preprocessing`).
    """
    if task is Task.REGRESSION:
        return float(np.var(target, dtype=np.float64))
    shares = np.unique(target, return_counts=True)[1] / len(target)
    return float(-(shares * np.log(shares)).sum())
