"""Feature columns are made float64 or text of few levels, NaN where a value is missing.

Numbers and truth values become float64; times and ISO 8601 dates become days since 1970; text
becomes categories. Columns that cannot help are left out, each with a note: without any value, with
more than `MAX_LEVELS` different texts, a text of its own in every row, or a running row number,
which in a sorted table would give the answer away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.target_column import MAX_MAGNITUDE
from search.errors import InvalidDataset

#: The column (None where it is left out) and a note on what was done ("" where nothing was).
CleanedColumn: TypeAlias = tuple[pd.Series | None, str]

MAX_LEVELS = 50
#: A text column is numeric where at least this share of its values are; the others are missing.
NUMERIC_SHARE = 0.95

#: Share of rows that may have been removed from a table after its rows were numbered.
_LEFT_OUT = 0.25
_TRUTH = {"true": 1.0, "false": 0.0}
_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"
_SECONDS_A_DAY = 86400


def clean_features(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return every usable column of `table` as float64 or text, and notes on what was done.

    Raises InvalidDataset where a column holds infinite values or no column is left.
    """
    kept: dict[str, pd.Series] = {}
    notes: list[str] = []
    for name in map(str, table.columns):
        column, note = _clean(name, table[name])
        if note:
            notes.append(note)
        if column is not None:
            kept[name] = column
    if not kept:
        raise InvalidDataset(
            "no feature column is left to learn from"
            + "".join(f"; {note}" for note in notes)
            + "; bring columns of numbers or of texts that repeat",
            pointer="/file",
        )
    if not any(column.nunique(dropna=False) > 1 for column in kept.values()):
        raise InvalidDataset(
            f"every feature column ({', '.join(list(kept)[:10])}) holds one and the same value in "
            f"all rows; bring columns that vary",
            pointer="/file",
        )
    return pd.DataFrame(kept).reset_index(drop=True), tuple(notes)


def _clean(name: str, column: pd.Series) -> CleanedColumn:
    for reads, read in _KINDS:
        if reads(column):
            return read(name, column)
    return _clean_text(name, column)


def _clean_number(name: str, column: pd.Series) -> CleanedColumn:
    values = pd.Series(column.to_numpy(np.float64, na_value=np.nan), name=name)
    if values.isna().all():
        return None, f"column '{name}' was left out: it holds no value"
    wild = int((values.abs() > MAX_MAGNITUDE).sum())
    if wild:
        raise InvalidDataset(
            f"column '{name}' holds {wild} infinite values or values beyond {MAX_MAGNITUDE:g}; "
            f"leave those cells empty or correct them",
            pointer="/file",
        )
    if _numbers_the_rows(values.to_numpy()):
        return None, f"column '{name}' was left out: it numbers the rows"
    return values, ""


def _numbers_the_rows(values: NDArray[np.float64]) -> bool:
    """Return whether whole numbers rise from about 0 to about the number of rows, with few gaps."""
    return bool(
        len(values) > 1
        and values[0] >= 0
        and values[-1] <= len(values) * (1 + _LEFT_OUT)
        and np.equal(np.mod(values, 1), 0).all()
        and (np.diff(values) > 0).all()
    )


def _refuse_complex(name: str, column: pd.Series) -> CleanedColumn:
    raise InvalidDataset(
        f"column '{name}' holds complex numbers, which networks cannot take; bring the real and "
        f"the imaginary part as columns of their own",
        pointer="/file",
    )


def _clean_time(name: str, column: pd.Series) -> CleanedColumn:
    # Whole seconds, since nanoseconds end in 2262 and tables do hold a 9999-12-31 for "never".
    seconds = pd.to_datetime(column, utc=True).dt.as_unit("s").dt.tz_localize(None)
    days = seconds.astype(np.int64).where(column.notna().to_numpy()) / _SECONDS_A_DAY
    values, note = _clean_number(name, days)
    return values, note or f"column '{name}' was read as dates, in days since 1970"


def _clean_duration(name: str, column: pd.Series) -> CleanedColumn:
    values, note = _clean_number(name, column.dt.total_seconds() / _SECONDS_A_DAY)
    return values, note or f"column '{name}' was read as durations, in days"


def _clean_text(name: str, column: pd.Series) -> CleanedColumn:
    try:
        column.nunique()
    except TypeError:  # unhashable
        return None, f"column '{name}' was left out: its cells hold lists or tables"
    text = column.astype(object).where(column.notna(), None)
    present = text.dropna().astype(str).str.strip()
    present = present[present != ""]
    if present.empty:
        return None, f"column '{name}' was left out: it holds no value"
    text = present.astype(object).reindex(column.index)
    for read in (_read_truth, _read_dates, _read_numbers):
        cleaned = read(name, text, present)
        if cleaned is not None:
            return cleaned
    return _read_categories(name, text, present)


def _read_truth(name: str, text: pd.Series, present: pd.Series) -> CleanedColumn | None:
    if not present.str.lower().isin(list(_TRUTH)).all():
        return None
    return _clean_number(name, text.str.lower().map(_TRUTH))


def _read_dates(name: str, text: pd.Series, present: pd.Series) -> CleanedColumn | None:
    if not present.str.fullmatch(_DATE).all():
        return None
    try:
        dates = pd.to_datetime(text, format="ISO8601", utc=True)
    except ValueError:  # such as the 31st of February
        return None
    return _clean_time(name, dates)


def _read_numbers(name: str, text: pd.Series, present: pd.Series) -> CleanedColumn | None:
    numbers = pd.to_numeric(text, errors="coerce")
    strays = present[numbers[present.index].isna()]
    if len(strays) > len(present) * (1 - NUMERIC_SHARE):
        return None
    values, note = _clean_number(name, numbers)
    if len(strays) and not note:
        note = f"{len(strays)} cells of column '{name}' such as '{strays.iloc[0]}' count as missing"
    return values, note


def _read_categories(name: str, text: pd.Series, present: pd.Series) -> CleanedColumn:
    levels = present.nunique()
    if levels > MAX_LEVELS or levels == len(present):
        return None, (
            f"column '{name}' was left out: it holds {levels} different texts in {len(present)} "
            f"rows, too many for categories (at most {MAX_LEVELS}, and they must repeat)"
        )
    return text.where(text.notna(), np.nan).rename(name).reset_index(drop=True), ""


#: Predicate on the pandas type and its reader; the first that fits is used, else text.
_KINDS: tuple[
    tuple[Callable[[pd.Series], bool], Callable[[str, pd.Series], CleanedColumn]],
    ...,
] = (
    (pd.api.types.is_complex_dtype, _refuse_complex),
    (pd.api.types.is_numeric_dtype, _clean_number),
    (pd.api.types.is_datetime64_any_dtype, _clean_time),
    (pd.api.types.is_timedelta64_dtype, _clean_duration),
)
