"""Every metric against scikit-learn, lane by lane."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as oracle

from search.errors import InvalidInput, UnknownChoice
from search.metrics import (
    METRICS,
    Direction,
    Source,
    check_objectives,
    default_objectives,
    get_metric,
    task_metrics,
)
from search.study import Task

LANES, ROWS, CLASSES = 5, 83, 4
Array = NDArray[Any]


def softmax(scores: Array) -> Array:
    exponentials = np.exp(scores - scores.max(axis=2, keepdims=True))
    return exponentials / exponentials.sum(axis=2, keepdims=True)


def multiclass(rng: np.random.Generator, dtype: type = np.float64) -> tuple[Array, Array]:
    y = rng.integers(CLASSES, size=ROWS)
    return y, softmax(2 * rng.normal(size=(LANES, ROWS, CLASSES))).astype(dtype)


def binary(rng: np.random.Generator, dtype: type = np.float64) -> tuple[Array, Array]:
    # Rounded, so that ranks have ties and some probabilities are exactly one half, 0 or 1.
    y = rng.integers(2, size=ROWS)
    return y, rng.uniform(size=(LANES, ROWS, 1)).round(1).astype(dtype)


def regression(rng: np.random.Generator, dtype: type = np.float64) -> tuple[Array, Array]:
    y = 1000 + 50 * rng.normal(size=ROWS)
    return y, (y[None, :, None] + rng.normal(size=(LANES, ROWS, 1))).astype(dtype)


def decided(p: Array) -> Array:
    return (p[:, 0] > 0.5).astype(int) if p.shape[1] == 1 else p.argmax(axis=1)


def whole(p: Array) -> Array:
    """Probabilities of both classes."""
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p


def labels(p: Array) -> Array:
    return np.arange(max(p.shape[1], 2))


# The oracle of each metric on one lane: y (N,), p (N, C).
ORACLES: dict[str, Callable[[Array, Array], float]] = {
    "log_loss": lambda y, p: oracle.log_loss(y, whole(p), labels=labels(p)),
    "accuracy": lambda y, p: oracle.accuracy_score(y, decided(p)),
    "balanced_accuracy": lambda y, p: oracle.balanced_accuracy_score(y, decided(p)),
    "f1": lambda y, p: oracle.f1_score(
        y, decided(p), average="binary" if p.shape[1] == 1 else "macro", zero_division=0
    ),
    "roc_auc": lambda y, p: oracle.roc_auc_score(
        y, p[:, 0] if p.shape[1] == 1 else p, multi_class="ovr", average="macro"
    ),
    "mse": lambda y, p: oracle.mean_squared_error(y, p[:, 0]),
    "mae": lambda y, p: oracle.mean_absolute_error(y, p[:, 0]),
    "r2": lambda y, p: oracle.r2_score(y, p[:, 0]),
}
MAKERS = {Task.MULTICLASS: multiclass, Task.BINARY: binary, Task.REGRESSION: regression}
SCORES = [
    (row.name, task)
    for row in METRICS.values()
    if row.source is Source.PREDICTIONS
    for task in sorted(row.tasks)
]


def expected(name: str, y: Array, prediction: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the oracle's remarks on the edge cases we ask it about
        return np.array([ORACLES[name](y, lane) for lane in prediction])


def test_every_score_has_an_oracle() -> None:
    assert set(ORACLES) == {name for name, _ in SCORES}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "task"), SCORES)
def test_score_equals_scikit_learn_on_every_lane(name: str, task: Task, dtype: type) -> None:
    y, prediction = MAKERS[task](np.random.default_rng(3), dtype)
    scores = METRICS[name].score(y, prediction)
    assert scores.shape == (LANES,)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(
        scores, expected(name, y, prediction), rtol=1e-12 if dtype is np.float64 else 2e-6
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [1, 3])
def test_log_loss_clips_certain_and_wrong_probabilities_as_scikit_learn(
    columns: int, dtype: type
) -> None:
    y = np.array([0, 1, 1, 0])
    certain = np.zeros((2, 4, columns), dtype=dtype)
    certain[0, :, 0] = 1
    certain[1, :, columns - 1] = 1
    scores = METRICS["log_loss"].score(y, certain)
    np.testing.assert_allclose(scores, expected("log_loss", y, certain), rtol=1e-6)
    assert np.isfinite(scores).all()
    assert scores.max() > 7


@pytest.mark.parametrize("name", ["log_loss", "accuracy", "balanced_accuracy", "f1"])
def test_class_that_is_absent_from_the_rows_is_scored_as_scikit_learn_does(name: str) -> None:
    y, prediction = multiclass(np.random.default_rng(5))
    y = np.where(y == 2, 0, y)
    np.testing.assert_allclose(
        METRICS[name].score(y, prediction), expected(name, y, prediction), rtol=1e-12
    )


def test_class_neither_true_nor_predicted_does_not_lower_f1() -> None:
    y = np.array([0, 1, 0, 1])
    perfect = np.eye(3)[y][None]
    assert METRICS["f1"].score(y, perfect).tolist() == [1.0]


def test_roc_auc_leaves_an_absent_class_out_of_the_mean() -> None:
    y, prediction = multiclass(np.random.default_rng(5))
    y = np.where(y == 2, 0, y)
    by_hand = [
        np.mean([oracle.roc_auc_score(y == code, lane[:, code]) for code in (0, 1, 3)])
        for lane in prediction
    ]
    np.testing.assert_allclose(METRICS["roc_auc"].score(y, prediction), by_hand, rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 3])
def test_roc_auc_of_a_single_class_is_not_defined(columns: int) -> None:
    prediction = np.full((2, 4, columns), 1 / max(columns, 2))
    assert np.isnan(METRICS["roc_auc"].score(np.zeros(4, dtype=int), prediction)).all()


def test_binary_f1_is_zero_where_nothing_is_found() -> None:
    y = np.array([0, 1, 1])
    assert METRICS["f1"].score(y, np.zeros((1, 3, 1))).tolist() == [0.0]


def test_binary_tie_goes_to_the_first_class_as_argmax_has_it() -> None:
    y = np.array([0, 0, 1])
    assert METRICS["accuracy"].score(y, np.full((1, 3, 1), 0.5)).tolist() == pytest.approx([2 / 3])


@pytest.mark.parametrize(("offset", "score"), [(0.0, 1.0), (1.0, 0.0)])
def test_r2_of_a_constant_target_is_as_scikit_learn_has_it(offset: float, score: float) -> None:
    y = np.full(6, 7.0)
    prediction = np.full((1, 6, 1), 7.0 + offset)
    assert METRICS["r2"].score(y, prediction).tolist() == [score]
    assert expected("r2", y, prediction).tolist() == [score]


def test_r2_of_one_row_is_not_defined() -> None:
    assert np.isnan(METRICS["r2"].score(np.ones(1), np.ones((3, 1, 1)))).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "task"), SCORES)
def test_lane_with_one_bad_prediction_scores_nan_and_its_neighbours_do_not(
    name: str, task: Task, bad: float
) -> None:
    y, prediction = MAKERS[task](np.random.default_rng(7))
    clean = METRICS[name].score(y, prediction)
    prediction[1, 4, 0] = bad
    scores = METRICS[name].score(y, prediction)
    assert np.isnan(scores[1])
    np.testing.assert_array_equal(np.delete(scores, 1), np.delete(clean, 1))


@pytest.mark.parametrize("name", ["mse", "mae", "r2"])
def test_float32_predictions_far_off_do_not_overflow(name: str) -> None:
    scores = METRICS[name].score(np.arange(4.0), np.full((1, 4, 1), 1e30, dtype=np.float32))
    assert np.isfinite(scores).all()


def test_float32_targets_lose_nothing_to_their_type() -> None:
    y = (1e6 + np.arange(1000)).astype(np.float32)
    prediction = y[None, :, None].astype(np.float64)
    assert METRICS["r2"].score(y, prediction).tolist() == [1.0]


@pytest.mark.parametrize("task", list(Task))
def test_default_objective_is_recorded_and_fits_its_task(task: Task) -> None:
    (metric,) = check_objectives((), task)
    assert metric.name == default_objectives(task)[0]
    assert metric in task_metrics(task)


@pytest.mark.parametrize("row", METRICS.values(), ids=lambda row: row.name)
def test_row_tells_its_name_title_description_and_direction(row: Any) -> None:
    assert METRICS[row.name] is row
    assert row.title
    assert row.description.endswith(".")
    assert row.direction in Direction
    assert row.tasks


def test_direction_of_errors_and_costs_is_down_and_of_the_rest_up() -> None:
    down = {row.name for row in METRICS.values() if row.direction is Direction.MINIMIZE}
    assert down == {"log_loss", "mse", "mae", "parameters", "latency"}


def test_second_objective_may_be_a_cost() -> None:
    chosen = check_objectives(["accuracy", "latency"], Task.BINARY)
    assert [metric.source for metric in chosen] == [Source.PREDICTIONS, Source.NETWORK]


def test_cost_cannot_be_scored_from_predictions() -> None:
    with pytest.raises(TypeError, match="measured by the engine"):
        METRICS["latency"].score(np.zeros(1), np.zeros((1, 1, 1)))


def test_unknown_objective_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="did you mean 'log_loss'") as caught:
        get_metric("logloss")
    assert caught.value.pointer == "/objectives"


@pytest.mark.parametrize(
    ("names", "task", "sentence"),
    [
        # A metric of another task: the fitting ones are listed.
        (["r2"], Task.BINARY, "'r2' does not fit task 'binary'; choose one of log_loss, accuracy"),
        (["accuracy"], Task.REGRESSION, "does not fit task 'regression'; choose one of mse, mae"),
        # More than a front can show.
        (["accuracy", "f1", "latency"], Task.BINARY, "at most 2"),
        (["f1", "f1"], Task.BINARY, "'f1' is given twice"),
        # Costs without a score, or before it (the first objective prunes).
        (["parameters"], Task.BINARY, "put a score first, one of log_loss"),
        (["latency", "accuracy"], Task.BINARY, "put a score first"),
        (["latency", "parameters"], Task.REGRESSION, "put a score first, one of mse"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(
    names: list[str], task: Task, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        check_objectives(names, task)
    assert caught.value.pointer == "/objectives"
