"""Readers of one column: what its cells are, and their values as float64 or text.

A column that pandas has typed is read by its type; text is tried as truth values, numbers and
dates, and is categories otherwise. Free text and identifiers are left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.datasets import ColumnKind
from search.data.date_formats import SECONDS_A_DAY, days_since_1970, read_dates
from search.data.identifiers import is_named_like_one, is_shaped_like_ids, numbers_the_rows
from search.data.number_formats import (
    NumberSniff,
    is_missing,
    plain_numbers,
    read_numbers,
    sniff,
    trim,
)
from search.data.target_column import MAX_MAGNITUDE, notes_on_numbers
from search.errors import InvalidDataset

#: Text of up to so many levels becomes an input a level; of more, it is encoded by the target.
MAX_LEVELS = 50
#: Text with more levels than this, or than this share of its rows, is free text.
MAX_ENCODED_LEVELS = 20_000
FREE_TEXT_SHARE = 0.9
#: Text of cells this long, in characters on average, is prose unless its levels repeat.
_PROSE = 40
_PROSE_SHARE = 0.5
_TRUTH = {"true": 1.0, "false": 0.0}
#: Cells of a text column that are missing; other marks stay levels of their own.
MISSING_TEXT = frozenset(
    {"", "?", "na", "n/a", "nan", "-nan", "null", "#n/a", "#na", "<na>", "nat"}
)
#: Numbers that stand for a missing value in many tables.
_SENTINELS = {-999.0, -9999.0, -99999.0, -99.0, 9999.0, 99999.0, 999999.0}
EXAMPLE_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextColumn:
    """A column of text, as far as it must be known to judge the others of its file."""

    #: Without blanks at the ends, "" where a cell is missing.
    text: pd.Series
    #: `(N,)` cells that are empty or hold a mark for a missing value.
    missing: NDArray[np.bool_]
    sniffed: NumberSniff
    #: `(N,)` numbers, where every cell is one with a decimal point at most.
    plain: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanedColumn:
    """What became of a column."""

    kind: ColumnKind
    reason: str
    #: float64 or text; None where the column is left out.
    values: pd.Series | None
    #: The values of an identifier that is left out, in case that no other column is left.
    spare: pd.Series | None = None
    notes: tuple[str, ...] = ()
    #: As in ColumnReport.
    written: str = ""


#: Arguments: name, column, text of the column, decimal mark of the file, rows of the table.
_Reader: TypeAlias = Callable[["TableContext", str, pd.Series], CleanedColumn]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableContext:
    """What readers know beside the column."""

    #: Rows of the table before those without a target were left out.
    rows: int
    mark: str | None
    texts: Mapping[str, TextColumn] = field(default_factory=dict)
    #: Columns that a person wants as features.
    forced: frozenset[str] = frozenset()


def text_columns(table: pd.DataFrame) -> dict[str, TextColumn]:
    """Return the text columns of `table` by name, each with the number formats that fit it."""
    found = {}
    for name in map(str, table.columns):
        column = table[name]
        if any(reads(column) for reads, _ in _TYPED) or not _is_hashable(column):
            continue
        text = trim(
            column
            if isinstance(column.dtype, pd.StringDtype)
            else column.astype(object).where(column.notna(), "").astype(str).astype("str")
        )
        plain = plain_numbers(text)
        missing = is_missing(text) if plain is None else np.isnan(plain)
        found[name] = TextColumn(
            text=text, missing=missing, sniffed=sniff(text, missing), plain=plain
        )
    return found


def _left_out(
    name: str, kind: ColumnKind, why: str, spare: pd.Series | None = None
) -> CleanedColumn:
    note = f"column '{name}' was left out: {why}"
    return CleanedColumn(kind=kind, reason=why, values=None, spare=spare, notes=(note,))


def clean_column(context: TableContext, name: str, column: pd.Series) -> CleanedColumn:
    """Return the values of a column and its kind, by the first reader that fits it."""
    for reads, read in _TYPED:
        if reads(column):
            return read(context, name, column)
    if name not in context.texts:
        return _left_out(name, ColumnKind.NESTED, "its cells hold lists or tables")
    text = context.texts[name]
    for read_text in (_read_truth, _read_numbers, _read_dates):
        cleaned = read_text(context, name, text)
        if cleaned is not None:
            return cleaned
    return _read_categories(context, name, text)


def _clean_number(
    context: TableContext,
    name: str,
    column: pd.Series,
    kind: ColumnKind = ColumnKind.NUMBER,
    reason: str = "all of its cells are numbers",
    notes: tuple[str, ...] = (),
    written: str = "",
) -> CleanedColumn:
    values = pd.Series(column.to_numpy(np.float64, na_value=np.nan), name=name)
    if values.isna().all():
        return _left_out(name, ColumnKind.EMPTY, "it holds no value")
    wild = int((values.abs() > MAX_MAGNITUDE).sum())
    if wild:
        raise InvalidDataset(
            f"column '{name}' holds {wild} infinite values or values beyond {MAX_MAGNITUDE:g}; "
            f"leave those cells empty or correct them",
            pointer="/file",
        )
    if (
        kind is ColumnKind.NUMBER
        and name not in context.forced
        and numbers_the_rows(name, values.to_numpy(), context.rows)
    ):
        why = "it numbers the rows" if not is_named_like_one(name) else "it numbers the rows, a key"
        return _left_out(
            name,
            ColumnKind.IDENTIFIER,
            f"{why}: each of its whole numbers stands once; give it the role 'feature' to keep it",
            values,
        )
    more = notes_on_sentinels(f"column '{name}'", values.to_numpy())
    return CleanedColumn(
        kind=kind, reason=reason, values=values, notes=(*notes, *more), written=written
    )


def notes_on_sentinels(called: str, values: NDArray[np.float64]) -> tuple[str, ...]:
    """Warn of numbers such as -999 that lie far from all other values of a column."""
    known = values[~np.isnan(values)]
    notes = []
    for sentinel in sorted({known.min(), known.max()} & _SENTINELS):
        times = int((known == sentinel).sum())
        others = known[known != sentinel]
        apart = np.abs(others - sentinel).min() if len(others) else 0.0
        if apart > (np.ptp(others) if len(others) > 1 else 1.0):
            notes.append(
                f"{called} holds {sentinel:g} in {times} rows, far from all other values; leave "
                f"these cells empty if they mean missing"
            )
    return tuple(notes)


def _refuse_complex(context: TableContext, name: str, column: pd.Series) -> CleanedColumn:
    raise InvalidDataset(
        f"column '{name}' holds complex numbers, which networks cannot take; bring the real and "
        f"the imaginary part as columns of their own",
        pointer="/file",
    )


def _clean_time(context: TableContext, name: str, column: pd.Series) -> CleanedColumn:
    note = f"column '{name}' was read as dates, in days since 1970"
    days = pd.Series(days_since_1970(column))
    return _clean_number(
        context, name, days, ColumnKind.DATE, "all of its cells are dates", (note,)
    )


def _clean_duration(context: TableContext, name: str, column: pd.Series) -> CleanedColumn:
    note = f"column '{name}' was read as durations, in days"
    days = column.dt.total_seconds() / SECONDS_A_DAY
    return _clean_number(
        context, name, days, ColumnKind.DURATION, "all of its cells are durations", (note,)
    )


def _read_truth(context: TableContext, name: str, column: TextColumn) -> CleanedColumn | None:
    present = column.text[~column.missing]
    if present.empty:
        return _left_out(name, ColumnKind.EMPTY, "it holds no value")
    head = present.head(100).str.lower()
    if not head.isin(list(_TRUTH)).all() or not present.str.lower().isin(list(_TRUTH)).all():
        return None
    values = column.text.str.lower().map(_TRUTH).astype(np.float64)
    return _clean_number(
        context, name, values, ColumnKind.TRUTH, "all of its cells are true or false"
    )


def _read_dates(context: TableContext, name: str, column: TextColumn) -> CleanedColumn | None:
    dates = read_dates(column.text, column.missing)
    if dates is None:
        return None
    notes = [f"column '{name}' was read as dates, in days since 1970"]
    if dates.format.pattern != "ISO8601":
        notes[0] += f", written as {dates.format.name}"
    if dates.rival is not None:
        notes[0] += f"; {dates.rival.name} would fit as well, so write the year first to be sure"
    broken = np.isnan(dates.days) & ~column.missing
    notes += _note_on_strays(name, column.text[broken])
    return _clean_number(
        context,
        name,
        pd.Series(dates.days),
        ColumnKind.DATE,
        f"its cells are dates, written as {dates.format.name}",
        tuple(notes),
        dates.format.pattern,
    )


def _read_numbers(context: TableContext, name: str, column: TextColumn) -> CleanedColumn | None:
    numbers = read_numbers(column.text, column.missing, column.sniffed, context.mark, column.plain)
    if numbers is None:
        return None
    notes = notes_on_numbers(f"column '{name}'", column.text, numbers)
    marks = column.missing & ~column.text.str.lower().isin(list(MISSING_TEXT)).to_numpy()
    notes += _note_on_strays(name, column.text[numbers.strays | marks])
    return _clean_number(
        context,
        name,
        pd.Series(numbers.values),
        ColumnKind.NUMBER,
        "its cells are numbers"
        if numbers.are_plain
        else f"its cells are numbers with {numbers.format.name}",
        tuple(notes),
        numbers.format.name,
    )


def _note_on_strays(name: str, strays: pd.Series) -> list[str]:
    if strays.empty:
        return []
    example = strays.iloc[0][:EXAMPLE_CHARACTERS]
    return [f"{len(strays)} cells of column '{name}' such as '{example}' count as missing"]


def _read_categories(context: TableContext, name: str, column: TextColumn) -> CleanedColumn:
    missing = (
        column.missing & column.text.str.lower().isin(list(MISSING_TEXT)).to_numpy()
        if column.missing.any()
        else column.missing
    )
    present = column.text[~missing]
    levels = present.nunique()
    many = levels > MAX_LEVELS or levels == len(present)
    if many and name not in context.forced:
        left_out = _judge_text(name, present, levels)
        if left_out is not None:
            return left_out
    values = column.text.astype(object).mask(missing, np.nan).rename(name)
    if not many:
        return CleanedColumn(
            kind=ColumnKind.CATEGORY,
            reason=f"its cells are {levels} different texts, an input each",
            values=values,
        )
    why = (
        f"its cells are {levels} different texts, more than {MAX_LEVELS}, and are encoded by the "
        f"mean of the target in the training rows"
    )
    return CleanedColumn(
        kind=ColumnKind.MANY_CATEGORIES,
        reason=why,
        values=values,
        notes=(
            f"column '{name}' holds {levels} different texts and is encoded by the mean of the "
            f"target in the training rows",
        ),
    )


def _judge_text(name: str, present: pd.Series, levels: int) -> CleanedColumn | None:
    """Return why a text column of many levels is left out; None where it is of use."""
    rows = len(present)
    counted = f"it holds {levels} different texts in {rows} rows"
    if levels == rows and is_shaped_like_ids(present):
        return _left_out(name, ColumnKind.IDENTIFIER, f"{counted}, which look like identifiers")
    if levels > min(MAX_ENCODED_LEVELS, FREE_TEXT_SHARE * rows):
        return _left_out(
            name,
            ColumnKind.FREE_TEXT,
            f"{counted}, which is free text; bring what matters in it as columns of their own",
        )
    if levels > _PROSE_SHARE * rows and present.str.len().mean() > _PROSE:
        return _left_out(
            name,
            ColumnKind.FREE_TEXT,
            f"{counted}, {present.str.len().mean():.0f} characters long on average, which is free "
            f"text; bring what matters in it as columns of their own",
        )
    return None


def _is_hashable(column: pd.Series) -> bool:
    if column.dtype != object:
        return True
    try:
        column.nunique()
    except TypeError:
        return False
    return True


#: Predicate on the pandas type and its reader; a column that none fits is text.
_TYPED: tuple[tuple[Callable[[pd.Series], bool], _Reader], ...] = (
    (pd.api.types.is_complex_dtype, _refuse_complex),
    (pd.api.types.is_numeric_dtype, _clean_number),
    (pd.api.types.is_datetime64_any_dtype, _clean_time),
    (pd.api.types.is_timedelta64_dtype, _clean_duration),
)
