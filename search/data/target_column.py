"""The target column: which task it asks for, and its values as numbers.

A column of two values asks for `binary`; text and truth values for `multiclass`; whole numbers for
`multiclass` where they look like codes of classes, for `regression` where they look like amounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.datasets import Target
from search.errors import InvalidDataset
from search.study import Task

#: Whole numbers with more distinct values than this are amounts (ages, prices, counts).
MAX_CODES = 20
#: Each code must stand in this many rows on average: an amount rarely repeats itself so often ...
ROWS_PER_CODE = 10
#: ... while codes that run without a gap from 0 or 1 are believed with fewer.
ROWS_PER_CONSECUTIVE_CODE = 5
#: Text labels must stand in this many rows on average; else the column is a name, not a class.
ROWS_PER_LABEL = 2
#: Whole numbers up to here are exact in float64.
MAX_EXACT = 2**53
#: Beyond this, float64 sums of squared features overflow.
MAX_MAGNITUDE = 1e100
#: Squared errors of a target whose values or spread lie outside leave the range of float64.
MIN_SPREAD, MAX_AMOUNT = 1e-140, 1e140
#: A target further from 0, in standard deviations, has too few digits of float64 left for scores.
MAX_OFFSET = 2e9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedTarget:
    """A target column as numbers."""

    task: Task
    #: `(N,)` float64 values or int64 codes.
    y: Target
    #: Sorted labels, by number where they are numbers; empty for regression.
    classes: tuple[str, ...]


def infer_task(column: pd.Series) -> Task:
    """Guess the task of a target column; missing values do not count."""
    present = column.dropna()
    values = present.unique()
    if len(values) == 2:
        return Task.BINARY
    if not _is_numeric(present):
        return Task.MULTICLASS
    return (
        Task.MULTICLASS
        if _are_codes(values.astype(np.float64), len(present))
        else (Task.REGRESSION)
    )


def encode_target(column: pd.Series, task: Task | None) -> EncodedTarget:
    """Turn a column without missing values into numbers for `task` (None: inferred).

    Raises InvalidDataset where the column cannot be a target, or not of that task.
    """
    name = str(column.name)
    if pd.api.types.is_complex_dtype(column.dtype):
        raise InvalidDataset(
            f"target '{name}' holds complex numbers; choose another column", pointer="/target"
        )
    column = clean_labels(column)
    if _is_numeric(column):
        _check_finite(name, column.to_numpy(np.float64))
    distinct = column.nunique()
    if distinct < 2:
        only = column.iloc[0] if len(column) else "nothing"
        raise InvalidDataset(
            f"target '{name}' holds only the value '{_label(only)}'; a target needs at least two "
            f"different values to learn from; choose another column",
            pointer="/target",
        )
    task = task or infer_task(column)
    _CHECKS[task](name, column, distinct)
    if task is Task.REGRESSION:
        return EncodedTarget(task=task, y=column.to_numpy(np.float64), classes=())
    labels = np.sort(column.unique())
    codes = pd.Index(labels).get_indexer(pd.Index(column)).astype(np.int64)
    return EncodedTarget(task=task, y=codes, classes=tuple(map(_label, labels)))


def clean_labels(column: pd.Series) -> pd.Series:
    """Float64 where every value is a number, else text without blanks at either end."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(str)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(np.float64)
    text = column.astype(str).str.strip()
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers.astype(np.float64) if numbers.notna().all() else text.astype(object)


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(
        column.dtype
    )


def _are_codes(values: NDArray[np.float64], rows: int) -> bool:
    if len(values) > MAX_CODES or not np.equal(np.mod(values, 1), 0).all():
        return False
    low, high = values.min(), values.max()
    consecutive = low in (0, 1) and high - low == len(values) - 1
    return rows >= len(values) * (ROWS_PER_CONSECUTIVE_CODE if consecutive else ROWS_PER_CODE)


def _label(value: object) -> str:
    """Write a label as text; whole numbers without their decimal point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT:
        return str(int(value))
    return str(value)


def _check_finite(name: str, values: NDArray[np.float64]) -> None:
    wild = int(np.count_nonzero(~(np.abs(values) <= MAX_AMOUNT)))
    if wild:
        raise InvalidDataset(
            f"target '{name}' holds {wild} infinite values or values beyond {MAX_AMOUNT:g}, whose "
            f"squared errors would overflow; leave those cells empty (their rows are then "
            f"dropped), correct them, or bring the target in a larger unit",
            pointer="/target",
        )


def _check_spread(name: str, values: NDArray[np.float64]) -> None:
    """Refuse a target whose scores float64 cannot hold."""
    offset = values[0]
    centred = values - offset
    spread = float(np.std(centred))
    if spread < MIN_SPREAD:
        raise InvalidDataset(
            f"target '{name}' has a standard deviation of {spread:.3g}, but at least "
            f"{MIN_SPREAD:g} is needed for squared errors above 0; bring it in a smaller unit",
            pointer="/target",
        )
    mean = abs(offset + float(np.mean(centred)))
    if mean > MAX_OFFSET * spread:
        raise InvalidDataset(
            f"target '{name}' lies {mean / spread:.3g} standard deviations from 0, but at most "
            f"{MAX_OFFSET:g} leave enough digits for scores; subtract a constant such as "
            f"{mean:.17g} from it",
            pointer="/target",
        )


def _check_regression(name: str, column: pd.Series, distinct: int) -> None:
    if not _is_numeric(column):
        raise InvalidDataset(
            f"task 'regression' needs a numeric target, but '{name}' holds text such as "
            f"'{column.iloc[0]}'; leave task out, or choose a numeric column",
            pointer="/task",
        )
    _check_spread(name, column.to_numpy(np.float64))


def _check_binary(name: str, column: pd.Series, distinct: int) -> None:
    if distinct != 2:
        raise InvalidDataset(
            f"task 'binary' needs a target of exactly two values, but '{name}' holds {distinct}; "
            f"leave task out, or give 'multiclass'"
            + (" or 'regression'" if _is_numeric(column) else ""),
            pointer="/task",
        )


def _check_multiclass(name: str, column: pd.Series, distinct: int) -> None:
    if distinct == 2:
        raise InvalidDataset(
            f"task 'multiclass' needs three classes or more, but target '{name}' holds two; "
            f"give 'binary', or leave task out",
            pointer="/task",
        )
    if len(column) < distinct * ROWS_PER_LABEL:
        raise InvalidDataset(
            f"target '{name}' holds {distinct} different values in {len(column)} rows, too many to "
            f"be classes; "
            + ("give task 'regression'" if _is_numeric(column) else "choose another column"),
            pointer="/target",
        )


_CHECKS: dict[Task, Callable[[str, pd.Series, int], None]] = {
    Task.REGRESSION: _check_regression,
    Task.BINARY: _check_binary,
    Task.MULTICLASS: _check_multiclass,
}
