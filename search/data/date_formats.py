"""Dates as people write them: one format a column, sniffed on a sample and then held to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: A text column holds dates where at least this share of its present cells do.
DATE_SHARE = 0.95
SECONDS_A_DAY = 86400

_SAMPLE = 300
#: Cells that may be dates: three parts, the month maybe in letters, and maybe a time.
_SHAPE = re.compile(
    r"(?:[A-Za-z]{3,9},? +)?(?:\d{1,4}|[A-Za-z]{3,9})\.?[-/. ] ?(?:\d{1,2}|[A-Za-z]{3,9})\.?,?"
    r"[-/. ] ?\d{1,4}(?!\d).{0,22}"
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFormat:
    """One way of writing dates."""

    #: For people, such as "day.month.year".
    name: str
    #: Format of strptime, or "ISO8601".
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dates:
    """A column of text read as dates."""

    #: `(N,)` days since 1970-01-01, NaN where a cell is missing or broken.
    days: NDArray[np.float64]
    format: DateFormat
    #: Another order of day and month that fits the sample as well, None where there is none.
    rival: DateFormat | None


def _orders() -> Iterator[tuple[str, str]]:
    """Yield the date parts of formats, the usual ones first."""
    for separator in "-/.":
        yield f"year{separator}month{separator}day", f"%Y{separator}%m{separator}%d"
    # Day first, as most of the world writes; with a slash month first, as pandas takes it.
    for separator, year in product(".-/", ("%Y", "%y")):
        parts = [
            (f"day{separator}month{separator}year", f"%d{separator}%m{separator}{year}"),
            (f"month{separator}day{separator}year", f"%m{separator}%d{separator}{year}"),
        ]
        yield from reversed(parts) if separator == "/" else parts
    for month in ("%b", "%B"):
        yield "day month year", f"%d {month} %Y"
        yield "day-month-year", f"%d-{month}-%Y"
        yield "day-month-year", f"%d-{month}-%y"
        yield "month day, year", f"{month} %d, %Y"
        yield "month day year", f"{month} %d %Y"


_FORMATS = tuple(
    DateFormat(name=name, pattern=part + time) for time in _TIMES for name, part in _orders()
)
_ISO_FORMAT = DateFormat(name="year-month-day", pattern="ISO8601")


def read_dates(text: pd.Series, missing: NDArray[np.bool_]) -> Dates | None:
    """Read trimmed `text` as dates; None where it holds none, or too many broken ones."""
    present = text[~missing]
    if present.empty:
        return None
    places = np.unique(np.linspace(0, len(present) - 1, _SAMPLE).astype(np.int64))
    sample = present.iloc[places].drop_duplicates()
    chosen = _sniff(sample)
    if chosen is None:
        return None
    best, rival = chosen
    days = np.full(len(text), np.nan)
    days[~missing] = _days(present, best)
    broken = int(np.isnan(days[~missing]).sum())
    if broken > len(present) * (1 - DATE_SHARE):
        return None
    if rival is not None and np.isfinite(_days(present, rival)).sum() < len(present) - broken:
        rival = None
    return Dates(days=days, format=best, rival=rival)


def read_by_pattern(text: pd.Series, pattern: str) -> NDArray[np.float64]:
    """Read trimmed `text` as days since 1970; NaN where a cell is not written so."""
    return _days(text, DateFormat(name=pattern, pattern=pattern))


def days_since_1970(times: pd.Series) -> NDArray[np.float64]:
    """Turn a column of times, with or without a zone, into days; NaN where one is missing."""
    # Whole seconds, since nanoseconds end in 2262 and tables do hold a 9999-12-31 for "never".
    seconds = pd.to_datetime(times, utc=True).dt.as_unit("s").dt.tz_localize(None)
    known = times.notna().to_numpy()
    days = np.full(len(times), np.nan)
    days[known] = seconds.to_numpy().astype(np.int64)[known] / SECONDS_A_DAY
    return days


def _sniff(sample: pd.Series) -> tuple[DateFormat, DateFormat | None] | None:
    shaped = [_SHAPE.fullmatch(cell) is not None for cell in sample]
    if np.mean(shaped) < DATE_SHARE * 0.95:
        return None
    if np.mean([_ISO.fullmatch(cell) is not None for cell in sample]) >= DATE_SHARE * 0.95:
        return _ISO_FORMAT, None
    first = sample.iloc[:20]
    likely = [row for row in _FORMATS if np.isfinite(_days(first, row)).mean() >= 0.5]
    fits = [(int(np.isfinite(_days(sample, row)).sum()), row) for row in likely]
    if not fits:
        return None
    most = max(count for count, _ in fits)
    if most < len(sample) * DATE_SHARE * 0.95:
        return None
    equal = [row for count, row in fits if count == most]
    rivals = [row for row in equal[1:] if row.name != equal[0].name]
    return equal[0], rivals[0] if rivals else None


def _days(text: pd.Series, row: DateFormat) -> NDArray[np.float64]:
    times = pd.to_datetime(text, format=row.pattern, errors="coerce", utc=True)
    return days_since_1970(times)
