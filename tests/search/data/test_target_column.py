"""Which task a target column asks for, and what becomes of its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from search.data.dataset_builder import build_dataset
from search.data.datasets import load_builtin
from search.data.target_column import (
    MAX_CLASSES,
    EncodedTarget,
    encode_target,
    infer_task,
    read_target,
)
from search.errors import InvalidDataset
from search.study import Task


def series(values: Any) -> pd.Series:
    return pd.Series(values, name="answer")


def encoded_of(values: Any, task: Task | None = None) -> EncodedTarget:
    return encode_target(read_target(series(values), task=task, lines=None), task)


def task_of(values: Any) -> Task:
    return infer_task(read_target(series(values), lines=None))


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        # Two values of any kind.
        ([0, 1] * 15, Task.BINARY),
        ([0.5, 2.5] * 15, Task.BINARY),
        (["yes", "no"] * 15, Task.BINARY),
        ([True, False] * 15, Task.BINARY),
        ([1.0, 2.0, np.nan] * 15, Task.BINARY),
        # Text.
        (["low", "middle", "high"] * 10, Task.MULTICLASS),
        (list("abcdefghijklmnopqrstuvwxyz") * 5, Task.MULTICLASS),
        # Codes of classes: consecutive ones need 5 rows each, others 10.
        (list(range(10)) * 5, Task.MULTICLASS),
        ([1, 2, 3] * 7, Task.MULTICLASS),
        ([1.0, 2.0, 3.0] * 7, Task.MULTICLASS),
        ([3, 4, 5, 6, 7, 8] * 10, Task.MULTICLASS),
        ([10, 20, 50] * 10, Task.MULTICLASS),
        ([-1, 0, 1] * 10, Task.MULTICLASS),
        # Amounts: too many values, too few rows for each, or not whole.
        (list(range(10)) * 4, Task.REGRESSION),
        ([3, 4, 5, 6, 7, 8] * 9, Task.REGRESSION),
        (list(range(21)) * 100, Task.REGRESSION),
        (RNG.integers(18, 90, size=2000), Task.REGRESSION),
        (RNG.integers(326, 18823, size=2000), Task.REGRESSION),
        (RNG.normal(size=50), Task.REGRESSION),
        ([0.5, 1.0, 1.5] * 100, Task.REGRESSION),
    ],
)
def test_task_is_read_off_the_values(values: Any, task: Task) -> None:
    assert task_of(values) is task


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_task_of_known_datasets_is_inferred(name: str) -> None:
    dataset = load_builtin(name)
    assert task_of(dataset.y) is dataset.task


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        # By number where they are numbers, without a decimal point.
        ([10.0, 9.0, 2.0] * 10, ("2", "9", "10"), [2, 1, 0]),
        (["10", "9", "2"] * 10, ("2", "9", "10"), [2, 1, 0]),
        ([0.5, 0.25] * 10, ("0.25", "0.5"), [1, 0]),
        # Beyond what float64 counts exactly, no digits are made up.
        ([1e30, 5.0] * 10, ("5", "1e+30"), [1, 0]),
        # By alphabet where one of them is text; blanks at the ends do not count.
        ([" New York", "Rome ", "2"] * 10, ("2", "New York", "Rome"), [1, 2, 0]),
        (["yes", "no "] * 10 + ["yes ", "no"] * 10, ("no", "yes"), [1, 0]),
        # Truth values: the second class, the positive one, is True.
        ([True, False] * 10, ("False", "True"), [1, 0]),
        # Of mixed kinds, as pandas may hand them over.
        ([1, "b", True] * 10, ("1", "True", "b"), [0, 2, 1]),
    ],
)
def test_classes_are_sorted_and_coded_in_that_order(
    values: Any, classes: tuple[str, ...], codes: list[int]
) -> None:
    encoded = encoded_of(values)
    assert encoded.classes == classes
    assert encoded.y[: len(codes)].tolist() == codes
    assert encoded.y.dtype == np.int64


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, 2, 3] * 10, dtype="Int64"),
        pd.Categorical([1, 2, 3] * 10),
        np.array([1, 2, 3] * 10, dtype=np.uint8),
        pd.array(["1", "2", "3"] * 10, dtype="string"),
    ],
    ids=["nullable", "categorical", "uint8", "string"],
)
def test_kind_of_pandas_column_does_not_matter(values: Any) -> None:
    encoded = encoded_of(values)
    assert (encoded.task, encoded.classes) == (Task.MULTICLASS, ("1", "2", "3"))


def test_regression_keeps_the_values() -> None:
    values = RNG.normal(size=30)
    encoded = encoded_of(values)
    np.testing.assert_array_equal(encoded.y, values)
    assert (encoded.task, encoded.classes) == (Task.REGRESSION, ())


def test_given_task_outranks_the_inferred_one() -> None:
    assert encoded_of([1, 2, 3] * 10, Task.REGRESSION).task is Task.REGRESSION
    assert encoded_of([0, 1] * 10, Task.REGRESSION).y.dtype == np.float64
    assert len(encoded_of([0.5, 1.0, 1.5] * 9, Task.MULTICLASS).classes) == 3


@pytest.mark.parametrize(
    ("values", "task", "sentence", "pointer"),
    [
        (["a", "b"] * 10, Task.REGRESSION, "needs a numeric target, but 'answer' .* 'a'", "/task"),
        ([1, 2, 3] * 9, Task.BINARY, "exactly two values, but 'answer' holds 3", "/task"),
        ([0, 1] * 10, Task.MULTICLASS, "three classes or more.* give 'binary'", "/task"),
        (
            np.linspace(0, 1, 30),
            Task.MULTICLASS,
            "30 different values in 30 rows, too many to be classes; give task 'regression'",
            "/target",
        ),
        # Names are no classes.
        ([f"row {i}" for i in range(30)], None, "too many to be classes; choose ano", "/target"),
        ([5] * 30, None, "holds only the value '5'", "/target"),
        ([5.5] * 30, Task.REGRESSION, "holds only the value '5.5'", "/target"),
        (["a", " a"] * 30, None, "holds only the value 'a'", "/target"),
        (np.array([1, 2j, 3] * 9), None, "complex numbers", "/target"),
        ([1.0, 2.0, np.inf] * 9, None, "holds 9 infinite values", "/target"),
        (["1", "inf", "nan", "0"] * 9, None, "holds 9 infinite values", "/target"),
        ([1.0, 2.0, 1e200] * 9, Task.REGRESSION, "values beyond 1e\\+140", "/target"),
    ],
)
def test_column_that_cannot_be_the_target_is_refused(
    values: Any, task: Task | None, sentence: str, pointer: str
) -> None:
    with pytest.raises(InvalidDataset, match=sentence) as caught:
        encoded_of(values, task)
    assert caught.value.pointer == pointer


def test_thousands_of_values_are_no_classes() -> None:
    values = [number % (MAX_CLASSES + 1) for number in range(4 * MAX_CLASSES)]
    frame = pd.DataFrame({"x": range(len(values)), "code": values})
    with pytest.raises(InvalidDataset, match="1001 different values, but a network has at most"):
        build_dataset(frame, target="code", task=Task.MULTICLASS)
