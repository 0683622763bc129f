"""The columns that a trained network takes, and the cells of new rows as its training read them.

A dataset judges its columns by what all of their cells hold. New rows may be few, so they are not
judged again: each column is read as the kind, and in the format, that the training's was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.column_readers import MISSING_TEXT
from search.data.datasets import ColumnKind, Dataset
from search.data.date_formats import read_by_pattern
from search.data.fold_arrays import MISSING
from search.data.number_formats import FORMATS, is_missing, read_by_format, trim
from search.data.target_column import MAX_EXACT, MAX_MAGNITUDE

_TRUTH = {"true": 1.0, "false": 0.0}
_ISO = "ISO8601"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputColumn:
    """A column that a network takes."""

    name: str
    kind: ColumnKind
    #: As in `ColumnReport`: the format of its numbers or dates.
    written: str = ""

    @property
    def is_text(self) -> bool:
        """Whether its cells are levels, not numbers."""
        return self.kind in (ColumnKind.CATEGORY, ColumnKind.MANY_CATEGORIES)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Cells of new rows, as the preprocessing takes them."""

    #: `(N,)` float64, NaN where a value is missing; or text, `MISSING` where one is.
    values: NDArray[Any]
    #: `(N,)`, cells that could not be read and count as missing.
    strays: NDArray[np.bool_]


_Read: TypeAlias = Callable[[pd.Series, str], tuple[NDArray[np.float64], NDArray[np.bool_]]]


def input_columns(dataset: Dataset) -> tuple[InputColumn, ...]:
    """Return the columns of the features of `dataset`, in their order."""
    reports = {report.name: report for report in dataset.columns}
    texts = set(dataset.features.columns) - set(dataset.features.select_dtypes("number").columns)
    return tuple(
        InputColumn(name=name, kind=reports[name].kind, written=reports[name].written)
        if name in reports
        else InputColumn(
            name=name, kind=ColumnKind.CATEGORY if name in texts else ColumnKind.NUMBER
        )
        for name in map(str, dataset.features.columns)
    )


def other_columns(dataset: Dataset) -> tuple[str, ...]:
    """Return the names of a dataset's columns that are no features, its target among them."""
    features = set(map(str, dataset.features.columns))
    named = (report.name for report in dataset.columns)
    return tuple(dict.fromkeys(name for name in (*named, dataset.target) if name not in features))


def read_cells(column: InputColumn, text: pd.Series) -> Cells:
    """Read the cells of a text file, a pandas column of text without gaps."""
    trimmed = trim(text)
    if column.is_text:
        return _cells_of_texts(trimmed)
    values, strays = _READERS[column.kind](trimmed, column.written)
    return _finite(values, strays)


def read_values(column: InputColumn, values: Sequence[Any]) -> Cells:
    """Read typed values: None, numbers (of a date its days since 1970), truth values and texts."""
    if column.is_text:
        return _cells_of_texts(trim(pd.Series(list(map(_as_text, values)), dtype="str")))
    are_text = np.array([isinstance(value, str) for value in values], bool)
    texts = [value if isinstance(value, str) else "" for value in values]
    read = read_cells(column, pd.Series(texts, dtype="str"))
    numbers = np.array([np.nan if isinstance(v, str) else _as_number(v) for v in values])
    return _finite(np.where(are_text, read.values, numbers), read.strays)


def missing_cells(column: InputColumn, rows: int) -> Cells:
    """Return the cells of a column that the new rows lack."""
    values = np.full(rows, MISSING, object) if column.is_text else np.full(rows, np.nan)
    return Cells(values=values, strays=np.zeros(rows, bool))


def _cells_of_texts(text: pd.Series) -> Cells:
    values = text.to_numpy(dtype=object)
    missing = is_missing(text)
    if missing.any():
        # Other marks stay levels, as in the training.
        missing &= text.str.lower().isin(list(MISSING_TEXT)).to_numpy()
        values = np.where(missing, MISSING, values)
    return Cells(values=values, strays=np.zeros(len(values), bool))


def _finite(values: NDArray[np.float64], strays: NDArray[np.bool_]) -> Cells:
    """Count numbers that no training takes as strays."""
    wild = np.abs(values) > MAX_MAGNITUDE
    return Cells(values=np.where(wild, np.nan, values), strays=strays | wild)


def _numbers(text: pd.Series, written: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    read = read_by_format(text, written or FORMATS[0].name)
    return read.values, read.strays


def _truth(text: pd.Series, written: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    known = np.asarray(text.str.lower().map(_TRUTH), np.float64)
    if not np.isnan(known).any():
        return known, np.zeros(len(text), bool)
    numbers, strays = _numbers(text, written)
    return np.where(np.isnan(known), numbers, known), strays & np.asarray(np.isnan(known), bool)


def _dates(text: pd.Series, written: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    days = read_by_pattern(text, written or _ISO)
    return days, np.isnan(days) & ~is_missing(text)


#: Kind of a column of numbers -> its reader; arguments are the trimmed text and its format.
_READERS: Mapping[ColumnKind, _Read] = {
    ColumnKind.NUMBER: _numbers,
    ColumnKind.TRUTH: _truth,
    ColumnKind.DATE: _dates,
    ColumnKind.DURATION: _numbers,
}


def _as_text(value: object) -> str:
    """Write a value as a text file would."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT:
        return str(int(value))
    return str(value)


def _as_number(value: Any) -> float:
    if value is None:
        return np.nan
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the range of float64
        return np.inf
