"""The target column: which task it asks for, and its values as numbers.

Labels of classes stay as they are written. A column of two values asks for `binary`; text and truth
values for `multiclass`; whole numbers for `multiclass` where they look like codes of classes, for
`regression` where they look like amounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.datasets import Target
from search.data.number_formats import (
    Numbers,
    is_missing,
    plain_numbers,
    read_numbers,
    sniff,
    trim,
)
from search.errors import InvalidDataset
from search.study import Task

#: Returns the lines of a file at which some rows of its table end.
Lines: TypeAlias = Callable[[Iterable[int]], list[int]]

#: Whole numbers with more distinct values than this are amounts (ages, prices, counts).
MAX_CODES = 20
#: Each code must stand in this many rows on average: an amount rarely repeats itself so often ...
ROWS_PER_CODE = 10
#: ... while codes that run without a gap from 0 or 1 are believed with fewer.
ROWS_PER_CONSECUTIVE_CODE = 5
#: Of more codes than `FEW_CODES`, the rarest must stand in this many rows: counts have a thin tail.
ROWS_OF_RAREST_CODE = 5
FEW_CODES = 5
#: Text labels must stand in this many rows on average; else the column is a name, not a class.
ROWS_PER_LABEL = 2
#: Classes at most: beyond, every network is mostly its output layer.
MAX_CLASSES = 1000
#: Whole numbers up to here are exact in float64.
MAX_EXACT = 2**53
#: Beyond this, float64 sums of squared features overflow.
MAX_MAGNITUDE = 1e100
#: Squared errors of a target whose values or spread lie outside leave the range of float64.
MIN_SPREAD, MAX_AMOUNT = 1e-140, 1e140
#: A target further from 0, in standard deviations, has too few digits of float64 left for scores.
MAX_OFFSET = 2e9

_LISTED = 5
_LEADING_ZERO = r"[-+]?0\d+(?:\.\d*)?"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetCells:
    """The present cells of a target column, not yet bound to a task."""

    name: str
    #: `(N,)` labels as written, without blanks at the ends.
    labels: pd.Series
    #: `(N,)` float64; None where the labels are text.
    numbers: NDArray[np.float64] | None
    #: `(rows,)` which rows of the table have a target; N of them do.
    present: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedTarget:
    """A target column as numbers."""

    task: Task
    #: `(N,)` float64 values or int64 codes.
    y: Target
    #: Sorted labels, by number where they are numbers; empty for regression.
    classes: tuple[str, ...]


def read_target(
    column: pd.Series, *, task: Task | None = None, mark: str | None = None, lines: Lines | None
) -> TargetCells:
    """Read a column that may have gaps; `mark` is the decimal mark of its file.

    Marks for missing values count as missing only where all other cells are numbers. Raises
    InvalidDataset where a column of numbers holds a few cells that are none, which it names.
    """
    name = str(column.name)
    if pd.api.types.is_complex_dtype(column.dtype):
        raise InvalidDataset(
            f"target '{name}' holds complex numbers; choose another column", pointer="/target"
        )
    if pd.api.types.is_bool_dtype(column.dtype):
        present = column.notna().to_numpy()
        labels = column[present].astype(str).astype("str")
        return TargetCells(name=name, labels=labels, numbers=None, present=present)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        present = ~np.isnan(numbers)
        return TargetCells(
            name=name,
            labels=_written(column[present]),
            numbers=numbers[present],
            present=present,
        )
    written = (
        column.fillna("")
        if isinstance(column.dtype, pd.StringDtype)
        else column.astype(object).where(column.notna(), "").astype(str).astype("str")
    )
    return _read_text(name, written, task, mark, lines)


def _read_text(
    name: str, written: pd.Series, task: Task | None, mark: str | None, lines: Lines | None
) -> TargetCells:
    text = trim(written)
    plain = plain_numbers(text)
    marked = is_missing(text) if plain is None else np.isnan(plain)
    numbers = read_numbers(text, marked, sniff(text, marked), mark, plain)
    if numbers is not None and numbers.strays.any():
        whole = numbers.values[~numbers.strays & ~marked]
        if task not in (None, Task.REGRESSION) or _are_codes(whole):
            numbers = None  # codes of classes, and a class that is a word
        else:
            raise _strays(name, text, numbers, lines)
    codes = numbers is not None and _are_text_codes(text[~marked], numbers.values[~marked])
    if numbers is None or (codes and task is not Task.REGRESSION):
        present = (text != "").to_numpy()
        return TargetCells(
            name=name,
            labels=text[present],
            numbers=None,
            present=present,
            notes=_notes_on_labels(name, written[present]),
        )
    present = ~marked
    odd = marked & (text != "").to_numpy()
    notes = list(notes_on_numbers(f"target '{name}'", text, numbers))
    if odd.any():
        notes.append(
            f"{int(odd.sum())} cells of target '{name}' count as missing: "
            + _listed(text, odd, lines)
        )
    return TargetCells(
        name=name,
        labels=text[present],
        numbers=numbers.values[present],
        present=present,
        notes=tuple(notes),
    )


def infer_task(cells: TargetCells) -> Task:
    """Guess the task of a target column."""
    if cells.labels.nunique() == 2 or (
        cells.numbers is not None and len(np.unique(cells.numbers)) == 2
    ):
        return Task.BINARY
    if cells.numbers is None or _are_codes(cells.numbers):
        return Task.MULTICLASS
    return Task.REGRESSION


def encode_target(cells: TargetCells, task: Task | None) -> EncodedTarget:
    """Turn present cells into numbers for `task` (None: inferred).

    Raises InvalidDataset where the column cannot be a target, or not of that task.
    """
    if cells.numbers is not None:
        _check_finite(cells.name, cells.numbers)
    distinct = int(
        cells.labels.nunique() if cells.numbers is None else len(np.unique(cells.numbers))
    )
    if distinct < 2:
        only = str(cells.labels.iloc[0])[:60] if len(cells.labels) else "nothing"
        raise InvalidDataset(
            f"target '{cells.name}' holds only the value '{only}'; a target needs at least two "
            f"different values to learn from; choose another column",
            pointer="/target",
        )
    task = task or infer_task(cells)
    _CHECKS[task](cells, distinct)
    if task is Task.REGRESSION and cells.numbers is not None:
        return EncodedTarget(task=task, y=cells.numbers, classes=())
    texts = cells.labels.to_numpy(dtype=object)
    values: NDArray[Any] = texts if cells.numbers is None else cells.numbers
    labels, codes = np.unique(values, return_inverse=True)
    written = dict(zip(values.tolist(), texts.tolist(), strict=True))
    classes = tuple(written[label] for label in labels.tolist())
    return EncodedTarget(task=task, y=codes.astype(np.int64), classes=classes)


def notes_on_numbers(called: str, text: pd.Series, numbers: Numbers) -> list[str]:
    """Return what should be known of how a text column was read as numbers."""
    notes = []
    if not numbers.are_plain and not numbers.ambiguous:
        taken_off = " and ".join(numbers.signs[:3])
        notes.append(
            f"{called} was read as numbers with {numbers.format.name}"
            + (f", the signs {taken_off} taken off" if taken_off else "")
        )
    if len(numbers.signs) > 1:
        notes.append(
            f"{called} mixes the signs {', '.join(numbers.signs)}, and nothing was converted"
        )
    if numbers.ambiguous:
        known = ~numbers.missing & ~numbers.strays
        marked = text[known][text[known].str.contains("[.,]", regex=True)]
        example = marked.iloc[0]
        notes.append(
            f"{called} is ambiguous: '{example}' was read as "
            f"{numbers.values[text.index.get_loc(marked.index[0])]:.15g}, a number with "
            f"{numbers.format.name}; write it without marks between thousands to be sure"
        )
    return notes


def _are_codes(numbers: NDArray[np.float64]) -> bool:
    values, counts = np.unique(numbers, return_counts=True)
    if not 0 < len(values) <= MAX_CODES or not np.isfinite(values).all():
        return False
    if not np.equal(np.mod(values, 1), 0).all():
        return False
    low, high = values.min(), values.max()
    if len(values) > FEW_CODES and counts.min() < ROWS_OF_RAREST_CODE:
        return False
    consecutive = low in (0, 1) and high - low == len(values) - 1
    each = ROWS_PER_CONSECUTIVE_CODE if consecutive else ROWS_PER_CODE
    return len(numbers) >= len(values) * each


def _are_text_codes(text: pd.Series, numbers: NDArray[np.float64]) -> bool:
    """Return whether texts that read as numbers are names: 01, or 3.1 beside 3.10."""
    labels = text.nunique()
    if len(text) < labels * ROWS_PER_LABEL:
        return False  # amounts, maybe of a fixed width
    if text.str.fullmatch(_LEADING_ZERO).any():
        return True
    apart = labels > len(np.unique(numbers))
    return apart and labels <= MAX_CODES and len(text) >= labels * ROWS_PER_CODE


def _written(column: pd.Series) -> pd.Series:
    """Write typed numbers as text; whole ones without their decimal point."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.astype(str).astype("str")
    values = column.to_numpy(np.float64)
    distinct, places = np.unique(values, return_inverse=True)
    texts = [
        str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT else str(value)
        for value in distinct.tolist()
    ]
    return pd.Series(np.array(texts, dtype=object)[places], dtype="str")


def _notes_on_labels(name: str, written: pd.Series) -> tuple[str, ...]:
    """Warn of labels that differ in case, blanks or a trailing dot, or are one number."""
    counts = written.value_counts()
    if len(counts) > len(written) / ROWS_PER_LABEL:
        return ()
    alike: dict[str, list[str]] = {}
    for label in counts.index:
        key = " ".join(label.casefold().split()).rstrip(".").rstrip()
        alike.setdefault(key, []).append(label)
    notes = [
        f"labels {_quoted(labels)} of target '{name}' differ only in case, blanks or a trailing "
        f"dot; write them alike if they mean the same"
        for labels in alike.values()
        if len(labels) > 1
    ]
    same: dict[float, set[str]] = {}
    for label in counts.index:
        try:
            same.setdefault(float(label), set()).add(label.strip())
        except ValueError:
            continue
    notes += [
        f"labels {_quoted(sorted(labels))} of target '{name}' are one number but stay classes of "
        f"their own, as written; give task 'regression' if they are amounts"
        for labels in same.values()
        if len(labels) > 1
    ]
    return tuple(notes)


def _quoted(labels: Sequence[str]) -> str:
    return " and ".join(f"'{label}'" for label in labels[:_LISTED])


def _strays(name: str, text: pd.Series, numbers: Numbers, lines: Lines | None) -> InvalidDataset:
    count, present = int(numbers.strays.sum()), int((~numbers.missing).sum())
    return InvalidDataset(
        f"target '{name}' holds numbers in {present - count} of {present} cells, but also "
        f"{_listed(text, numbers.strays, lines)}; correct these cells, leave them empty (their "
        f"rows are then left out), or give task 'multiclass' if they are classes",
        pointer="/target",
    )


def _listed(text: pd.Series, which: NDArray[np.bool_], lines: Lines | None) -> str:
    """Return some cells with their lines, such as "'-' in line 17"."""
    cells = text[which]
    shown = cells.head(_LISTED)
    places: Sequence[int | None] = lines(shown.index) if lines else [None] * len(shown)
    listed = ", ".join(
        f"'{cell[:40]}'" + ("" if line is None else f" in line {line}")
        for cell, line in zip(shown, places, strict=False)
    )
    return listed + (f" and {len(cells) - _LISTED} more" if len(cells) > _LISTED else "")


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


def _check_regression(cells: TargetCells, distinct: int) -> None:
    if cells.numbers is None:
        raise InvalidDataset(
            f"task 'regression' needs a numeric target, but '{cells.name}' holds text such as "
            f"'{str(cells.labels.iloc[0])[:60]}'; leave task out, or choose a numeric column",
            pointer="/task",
        )
    _check_spread(cells.name, cells.numbers)


def _check_binary(cells: TargetCells, distinct: int) -> None:
    if distinct != 2:
        raise InvalidDataset(
            f"task 'binary' needs a target of exactly two values, but '{cells.name}' holds "
            f"{distinct}; leave task out, or give 'multiclass'"
            + ("" if cells.numbers is None else " or 'regression'"),
            pointer="/task",
        )


def _check_multiclass(cells: TargetCells, distinct: int) -> None:
    if distinct == 2:
        raise InvalidDataset(
            f"task 'multiclass' needs three classes or more, but target '{cells.name}' holds two; "
            f"give 'binary', or leave task out",
            pointer="/task",
        )
    if distinct > MAX_CLASSES:
        raise InvalidDataset(
            f"target '{cells.name}' holds {distinct} different values, but a network has at most "
            f"{MAX_CLASSES} classes; "
            + (
                "put rare ones together, or choose another column"
                if cells.numbers is None
                else "give task 'regression'"
            ),
            pointer="/target",
        )
    if len(cells.labels) < distinct * ROWS_PER_LABEL:
        raise InvalidDataset(
            f"target '{cells.name}' holds {distinct} different values in {len(cells.labels)} "
            f"rows, too many to be classes; "
            + ("choose another column" if cells.numbers is None else "give task 'regression'"),
            pointer="/target",
        )


_CHECKS: dict[Task, Callable[[TargetCells, int], None]] = {
    Task.REGRESSION: _check_regression,
    Task.BINARY: _check_binary,
    Task.MULTICLASS: _check_multiclass,
}
