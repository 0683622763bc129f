"""Contributions of single rows to a score, which average to it.

Shapes are as in `search.metrics.scores`; a function returns `(L, N)`, not finite where a lane's
prediction is not. For a score that is a mean over rows the contribution of a row is its own loss or
hit. For any other it is the score plus the row's influence on it, the first-order change of the
score as the row gains weight (the infinitesimal jackknife: Jaeckel 1972; Efron 1982). Influences
sum to 0, so the contributions average to the score, and their variance over rows divided by N
estimates the variance of the score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.metrics import scores
from search.metrics.scores import Codes, Floats, confusion_counts, errors, predicted_codes


def log_loss(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the negative log probability of each row's true class, clipped as in the score."""
    return scores.negative_log_likelihood(y, prediction)


def accuracy(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return 1 for each row whose most probable class is the true one, else 0."""
    hits: Floats = (predicted_codes(prediction) == y).astype(np.float64)
    return hits


def mse(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the squared error of each row."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.square(errors(y, prediction))


def mae(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the absolute error of each row."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.abs(errors(y, prediction))


def balanced_accuracy(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the score plus the influence of each row on the recall of its class."""
    codes = y.astype(np.int64)
    members = np.bincount(codes, minlength=max(prediction.shape[2], 2))
    hits = accuracy(y, prediction)
    found = np.stack([np.bincount(codes, row, len(members)) for row in hits])
    recalls = found / np.maximum(members, 1)  # (L, C)
    weights = len(codes) / (members[codes] * np.count_nonzero(members))  # (N,)
    influence: Floats = (hits - recalls[:, codes]) * weights
    return scores.balanced_accuracy(y, prediction)[:, None] + influence


def f1(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the score plus the influence of each row on the F1 of the classes it touches."""
    codes, predicted = y.astype(np.int64), predicted_codes(prediction)
    counts = confusion_counts(y, prediction)
    hits = counts.diagonal(axis1=1, axis2=2) / len(codes)  # (L, C), as a share of the rows
    claims = (counts.sum(axis=1) + counts.sum(axis=2)) / len(codes)  # true + predicted, (L, C)
    used = claims > 0
    safe = np.where(used, claims, 1.0)
    # F1 of a class is 2 hits / claims; a row changes both.
    by_hit, by_claim = 2 / safe, -2 * hits / safe**2
    if prediction.shape[2] == 1:
        by_hit, by_claim = by_hit * [0, 1], by_claim * [0, 1]
    else:
        classes = np.maximum(used.sum(axis=1, keepdims=True), 1)
        by_hit, by_claim = by_hit * used / classes, by_claim * used / classes
    true = np.broadcast_to(codes, predicted.shape)
    influence = (
        np.take_along_axis(by_hit, true, axis=1) * (predicted == codes)
        + np.take_along_axis(by_claim, true, axis=1)
        + np.take_along_axis(by_claim, predicted, axis=1)
        - (by_hit * hits + by_claim * claims).sum(axis=1, keepdims=True)
    )
    contributions: Floats = scores.f1(y, prediction)[:, None] + influence
    return contributions


def roc_auc(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the score plus the influence of each row, through the rows that it ranks against.

    Of a row of the class that is the share of the others ranked below it, of another row the share
    of the class ranked above it (DeLong, DeLong & Clarke-Pearson 1988).
    """
    codes: Codes = y.astype(np.int64)
    usable = np.where(np.isfinite(prediction), prediction, 0)
    influences = []
    for column, code in enumerate([1] if prediction.shape[2] == 1 else range(prediction.shape[2])):
        positive = codes == code
        if positive.any() and not positive.all():
            influences.append(_auc_influence(positive, usable[:, :, column]))
    area = scores.roc_auc(y, prediction)[:, None]
    return area + (np.mean(influences, axis=0) if influences else np.zeros(prediction.shape[:2]))


def _auc_influence(positive: NDArray[np.bool_], prediction: NDArray[Any]) -> Floats:
    """Return the influence `(L, N)` on the area of one class against the rest."""
    rows, count = len(positive), int(positive.sum())
    influence = np.empty(prediction.shape)
    for lane, values in enumerate(prediction):
        above, below = np.sort(values[positive]), np.sort(values[~positive])
        placed = np.empty(rows)
        placed[positive] = _share_below(below, values[positive])
        placed[~positive] = 1 - _share_below(above, values[~positive])
        weight = np.where(positive, rows / count, rows / (rows - count))
        influence[lane] = (placed - placed[positive].mean()) * weight
    return influence


def _share_below(ordered: NDArray[Any], values: NDArray[Any]) -> Floats:
    """Return the share of `ordered` below each of `values`, a tie counting half."""
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return below / (2 * len(ordered))


def r2(y: NDArray[Any], prediction: NDArray[Any]) -> Floats:
    """Return the score plus the influence of each row on the error and on the spread."""
    squares = mse(y, prediction)
    spread = np.square(y - np.mean(y, dtype=np.float64))
    total = spread.mean(dtype=np.float64)
    score = scores.r2(y, prediction)[:, None]
    if not total > 0:
        return np.broadcast_to(score, squares.shape).copy()
    with np.errstate(over="ignore", invalid="ignore"):
        mean = squares.mean(axis=1, keepdims=True)
        influence: Floats = mean / total**2 * (spread - total) - (squares - mean) / total
        return score + influence
