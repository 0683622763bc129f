"""Scores of predictions, computed for all lanes of a stack at once.

`L` lanes, `N` rows, `C` classes. A score takes

- y `(N,)`: class codes 0..C-1, or values in the target's units for regression;
- prediction `(L, N, C)` probabilities for multiclass, `(L, N, 1)` P(class 1) for binary,
  `(L, N, 1)` values in the target's units for regression;

and returns `(L,)` float64. It never raises on predictions: a lane with a NaN or infinite prediction
scores NaN, as does a score that the rows do not define (see each function). Values agree with
scikit-learn's functions of the same names, which the tests hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.study import Task

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Scorer: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], Floats]


def negative_log_likelihood(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the negative log probability of each row's true class `(L, N)`.

    Probabilities are clipped at the epsilon of the dtype.
    """
    codes = y.astype(np.int64)
    if prediction.shape[2] == 1:
        p = prediction[:, :, 0]
        likelihood = np.where(codes == 1, p, 1 - p)  # (L, N)
    else:
        likelihood = prediction[:, np.arange(len(codes)), codes]  # (L, N)
    epsilon = np.finfo(prediction.dtype).eps
    losses: Floats = -np.log(np.clip(likelihood, epsilon, 1 - epsilon))
    return losses


def log_loss(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean negative log probability of the true class, clipped at the epsilon of the dtype."""
    losses = negative_log_likelihood(y, prediction)
    return defined(prediction, losses.mean(axis=1, dtype=np.float64))


def accuracy(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Share of rows whose most probable class is the true one."""
    return defined(prediction, (predicted_codes(prediction) == y).mean(axis=1, dtype=np.float64))


def balanced_accuracy(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean recall over the classes that stand in `y`."""
    confusion = confusion_counts(y, prediction)
    members = confusion.sum(axis=2)  # (L, C)
    hits = confusion.diagonal(axis1=1, axis2=2)
    present = members[0] > 0
    return defined(prediction, (hits[:, present] / members[:, present]).mean(axis=1))


def f1(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """F1 of class 1 for binary, else the mean F1 of the classes that are true or predicted."""
    confusion = confusion_counts(y, prediction)
    hits = confusion.diagonal(axis1=1, axis2=2).astype(np.float64)  # (L, C)
    claims = confusion.sum(axis=1) + confusion.sum(axis=2)  # true + predicted, (L, C)
    scores = 2 * hits / np.maximum(claims, 1)
    if prediction.shape[2] == 1:
        return defined(prediction, scores[:, 1])
    return defined(prediction, scores.sum(axis=1) / np.maximum((claims > 0).sum(axis=1), 1))


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
    return defined(prediction, np.mean(areas, axis=0))


def mse(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean squared error."""
    with np.errstate(over="ignore", invalid="ignore"):
        return defined(prediction, np.square(errors(y, prediction)).mean(axis=1))


def mae(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Mean absolute error."""
    with np.errstate(over="ignore", invalid="ignore"):
        return defined(prediction, np.abs(errors(y, prediction)).mean(axis=1))


def r2(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Share of the target's variance that is explained.

    Where the target is constant: 1 for perfect predictions, else 0, as scikit-learn has it. NaN for
    fewer than two rows.
    """
    if len(y) < 2:
        return np.full(len(prediction), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        unexplained = np.square(errors(y, prediction)).sum(axis=1)
        total = np.square(y - np.mean(y, dtype=np.float64)).sum(dtype=np.float64)
        if total > 0:
            return defined(prediction, 1 - unexplained / total)
    return defined(prediction, np.where(unexplained == 0, 1.0, 0.0))


def defined(prediction: NDArray[Any], scores: Floats) -> Floats:
    """Return `scores` `(L,)`, NaN for the lanes that hold a prediction that is not finite."""
    finite = np.isfinite(prediction).all(axis=(1, 2))  # (L,)
    return np.where(finite, scores, np.nan)


def predicted_codes(prediction: NDArray[Any]) -> Codes:
    """Return the predicted class codes `(L, N)`; a tie goes to the lower code."""
    if prediction.shape[2] == 1:
        return (prediction[:, :, 0] > 0.5).astype(np.int64)
    codes: Codes = prediction.argmax(axis=2)
    return codes


def confusion_counts(y: NDArray[Any], prediction: NDArray[Any]) -> Codes:
    """Return the counts of rows `(L, C, C)`, true class by predicted class."""
    lanes, classes = len(prediction), max(prediction.shape[2], 2)
    cells = y.astype(np.int64) * classes + predicted_codes(prediction)  # (L, N)
    cells += (np.arange(lanes) * classes**2)[:, None]
    counts = np.bincount(cells.ravel(), minlength=lanes * classes**2)
    return counts.reshape(lanes, classes, classes)


def errors(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return prediction minus truth `(L, N)`, in float64: squares of float32 overflow early."""
    difference: Floats = prediction[:, :, 0].astype(np.float64) - y
    return difference


def chance_loss(task: Task, target: NDArray[Any]) -> float:
    """Return the training loss of the best constant prediction: class entropy, or variance.

    `target` is what the network is trained on (see `search.data.preprocessing`).
    """
    if task is Task.REGRESSION:
        return float(np.var(target, dtype=np.float64))
    shares = np.unique(target, return_counts=True)[1] / len(target)
    return float(-(shares * np.log(shares)).sum())
