"""Contributions of rows to a score, against scikit-learn's scores of weighted rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from search.metrics import METRICS, Source
from search.study import Task

LANES, ROWS = 3, 40

#: Name -> score of `(y, prediction, weights)` by scikit-learn.
WEIGHTED: dict[str, Callable[[Any, Any, Any], float]] = {
    "log_loss": lambda y, p, w: float(sk.log_loss(y, _both(p), sample_weight=w)),
    "accuracy": lambda y, p, w: float(sk.accuracy_score(y, _codes(p), sample_weight=w)),
    "balanced_accuracy": lambda y, p, w: float(
        sk.balanced_accuracy_score(y, _codes(p), sample_weight=w)
    ),
    "f1": lambda y, p, w: float(
        sk.f1_score(y, _codes(p), sample_weight=w, average="binary" if p.shape[1] == 1 else "macro")
    ),
    "roc_auc": lambda y, p, w: float(_weighted_auc(y, p, w)),
    "mse": lambda y, p, w: float(sk.mean_squared_error(y, p[:, 0], sample_weight=w)),
    "mae": lambda y, p, w: float(sk.mean_absolute_error(y, p[:, 0], sample_weight=w)),
    "r2": lambda y, p, w: float(sk.r2_score(y, p[:, 0], sample_weight=w)),
}


def _both(p: NDArray[Any]) -> NDArray[Any]:
    return np.column_stack([1 - p, p]) if p.shape[1] == 1 else p


def _codes(p: NDArray[Any]) -> NDArray[Any]:
    codes: NDArray[Any] = _both(p).argmax(axis=1)
    return codes


def _weighted_auc(y: NDArray[Any], p: NDArray[Any], w: NDArray[Any]) -> float:
    if p.shape[1] == 1:
        return float(sk.roc_auc_score(y, p[:, 0], sample_weight=w))
    areas = [sk.roc_auc_score(y == c, p[:, c], sample_weight=w) for c in range(p.shape[1])]
    return float(np.mean(areas))


def example(task: Task, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    if task is Task.REGRESSION:
        y = rng.normal(5.0, 2.0, ROWS)
        return y, (y + rng.normal(0, 1, (LANES, ROWS)))[:, :, None]
    if task is Task.BINARY:
        y = rng.integers(0, 2, ROWS)
        return y, np.clip(y * 0.3 + rng.uniform(0.05, 0.65, (LANES, ROWS)), 0, 1)[:, :, None]
    y = rng.permutation(np.arange(ROWS) % 3)
    logits = rng.normal(0, 1, (LANES, ROWS, 3)) + np.eye(3)[y]
    return y, np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)


CASES = [
    (metric.name, task)
    for metric in METRICS.values()
    if metric.source is Source.PREDICTIONS
    for task in sorted(metric.tasks)
]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_contributions_average_to_the_score(name: str, task: Task) -> None:
    metric = METRICS[name]
    y, prediction = example(task)
    np.testing.assert_allclose(
        metric.rows(y, prediction).mean(axis=1), metric.score(y, prediction), rtol=1e-12
    )


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_contribution_is_the_score_plus_what_more_weight_of_the_row_would_change(
    name: str, task: Task
) -> None:
    y, prediction = example(task)
    contributions = METRICS[name].rows(y, prediction)
    epsilon = 1e-6
    for lane in range(LANES):
        score = WEIGHTED[name](y, prediction[lane], np.ones(ROWS))
        for row in range(ROWS):
            weights = np.ones(ROWS)
            weights[row] += epsilon
            change = (WEIGHTED[name](y, prediction[lane], weights) - score) / epsilon * ROWS
            assert contributions[lane, row] == pytest.approx(score + change, abs=2e-3)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_ties_count_half_in_the_area(task: Task) -> None:
    y, prediction = example(task)
    coarse = np.round(prediction, 1)
    contributions = METRICS["roc_auc"].rows(y, coarse)
    np.testing.assert_allclose(
        contributions.mean(axis=1), METRICS["roc_auc"].score(y, coarse), rtol=1e-12
    )


def test_rows_of_a_single_class_say_nothing_of_a_missing_one() -> None:
    y, prediction = example(Task.MULTICLASS)
    y[:] = y % 2
    for name in ("balanced_accuracy", "roc_auc", "f1"):
        contributions = METRICS[name].rows(y, prediction)
        np.testing.assert_allclose(
            contributions.mean(axis=1), METRICS[name].score(y, prediction), rtol=1e-12
        )


def test_a_constant_target_has_the_same_share_in_every_row() -> None:
    y = np.full(5, 2.0)
    prediction = np.linspace(1, 3, 5)[None, :, None]
    np.testing.assert_array_equal(METRICS["r2"].rows(y, prediction), np.zeros((1, 5)))
