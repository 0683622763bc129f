"""Numbers as people write them: one format a column, sniffed on a sample and then held to.

A format is a row of `FORMATS`: where its thousands marks and its decimal mark stand. Signs of
currencies and percent signs around a number are taken off first. A column such as 1.234 or 1,234
fits more than one format; what the other columns of the file say decides, and else the point as
decimal mark and the comma as thousands mark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

#: Cells that say that a value is missing, in lower case and without blanks at the ends.
MISSING_MARKS = frozenset(
    {
        "",
        *("-", "--", "---", "–", "—", ".", "..", "...", "*", "**", "?", "??", "/", "\\n"),
        *("na", "n/a", "n.a.", "n.a", "n. a.", "n.d.", "nd", "k.a.", "k. a.", "#n/a", "<na>"),
        *("nan", "-nan", "null", "none", "nil", "nat", "missing", "(missing)", "unknown"),
        *("(blank)", "blank", "empty", "(empty)", "not available", "not applicable", "undefined"),
        *("#value!", "#div/0!", "#null!", "#ref!", "#name?", "#num!", "tbd", "unbekannt"),
    }
)
#: A text column is numeric where at least this share of its present cells are numbers.
NUMERIC_SHARE = 0.95
#: Cells on which the format of a column is sniffed.
SAMPLE = 4000

_PREFIX = r"(?:US\$|CA\$|AU\$|R\$|[$€£¥₹₽₩₺฿]|USD|EUR|GBP|CHF|JPY)"
_SUFFIX = r"(?:[$€£¥₹₽₩₺%‰]|USD|EUR|GBP|CHF|JPY|kr|zł|Kč|Ft)"
#: Affixes around the digits: sign, currency, sign; brackets of accountants mean minus.
AFFIXED = re.compile(
    rf"(?P<open>\()?(?P<first>[-+−])?\s*(?P<prefix>{_PREFIX})?\s*(?P<second>[-+−])?\s*"
    rf"(?P<digits>[\d.,'’ \u00a0\u202feE+-]*\d[.,]?)\s*(?P<suffix>{_SUFFIX})?(?P<close>\))?"
)
#: The same for Arrow, whose engine names no groups twice: 1 bracket, 2 and 3 signs, 4 digits.
_AFFIXES_ARROW = (
    rf"^(\()?([-+−])?\s*{_PREFIX}?\s*([-+−])?\s*"
    rf"([\d.,'’ \x{{a0}}\x{{202f}}eE+-]*\d[.,]?)\s*{_SUFFIX}?\)?$"
)
#: Any digit -> 0.
_DIGITS = str.maketrans("123456789", "0" * 9)
_BLANKS = " \u00a0\u202f"
_EXPONENT = r"(?:[eE][+-]?\d+)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """One way of writing numbers, without signs and affixes."""

    #: For people; stored with datasets and trained networks, and so never changed.
    name: str
    pattern: re.Pattern[str]
    #: The decimal mark where the format has one.
    decimal: str
    #: Characters that group digits.
    thousands: str


def _format(name: str, pattern: str, *, decimal: str, thousands: str = "") -> NumberFormat:
    return NumberFormat(
        name=name, pattern=re.compile(pattern), decimal=decimal, thousands=thousands
    )


#: First come the formats that win where nothing else decides.
FORMATS: tuple[NumberFormat, ...] = (
    _format(
        "a decimal point",
        rf"(?:\d+\.?\d*|\.\d+){_EXPONENT}",
        decimal=".",
    ),
    _format(
        "commas between thousands",
        r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?|\d+\.?\d*|\.\d+",
        decimal=".",
        thousands=",",
    ),
    _format(
        "a decimal comma",
        rf"(?:\d+,?\d*|,\d+){_EXPONENT}",
        decimal=",",
    ),
    _format(
        "points between thousands and a decimal comma",
        r"\d{1,3}(?:\.\d{3})+(?:,\d*)?|\d+,?\d*|,\d+",
        decimal=",",
        thousands=".",
    ),
    _format(
        "apostrophes between thousands",
        r"\d{1,3}(?:['’]\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+",
        decimal=".",
        thousands="'’",
    ),
    _format(
        "blanks between thousands",
        rf"\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+(?:\.\d*)?|\d+\.?\d*|\.\d+",
        decimal=".",
        thousands=_BLANKS,
    ),
    _format(
        "blanks between thousands and a decimal comma",
        rf"\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+(?:,\d*)?|\d+,?\d*|,\d+",
        decimal=",",
        thousands=_BLANKS,
    ),
)
_PLAIN = FORMATS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSniff:
    """The formats that the sample of a column allows."""

    #: Formats that fit equally many cells, more than any other; empty for text.
    formats: tuple[NumberFormat, ...]
    #: Signs of currency and percent, most frequent first.
    signs: tuple[str, ...]
    #: Whether any cell holds a point or a comma.
    marked: bool

    @property
    def decimal(self) -> str | None:
        """The decimal mark that this column proves; None where it proves none."""
        marks = {row.decimal for row in self.formats}
        return marks.pop() if self.marked and len(marks) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Numbers:
    """A column of text read as numbers."""

    #: `(N,)` float64, NaN where a cell is missing or a stray.
    values: NDArray[np.float64]
    #: `(N,)`, cells that are neither numbers nor marks for missing values.
    strays: NDArray[np.bool_]
    #: `(N,)`, cells that are empty or hold a mark for a missing value.
    missing: NDArray[np.bool_]
    format: NumberFormat
    signs: tuple[str, ...]
    #: Whether another format fits as well and would give other numbers.
    ambiguous: bool

    @property
    def are_plain(self) -> bool:
        """Whether every number could be read without taking anything off."""
        return self.format is _PLAIN and not self.signs


def trim(text: pd.Series) -> pd.Series:
    """Return a text column without blanks at the ends, "" where a cell is missing."""
    return text.fillna("").str.strip()


def is_missing(text: pd.Series) -> NDArray[np.bool_]:
    """Return which cells of trimmed text are empty or hold a mark for a missing value."""
    cells = _arrow(text)
    # Marks are short, and most cells of a table are not: few need to be looked up.
    short = compute.less_equal(compute.utf8_length(cells), max(map(len, MISSING_MARKS)))
    marks = pa.array(sorted(MISSING_MARKS), cells.type)
    lowered = compute.utf8_lower(compute.if_else(short, cells, pa.scalar("0", cells.type)))
    return np.asarray(compute.is_in(lowered, marks))


def sniff(text: pd.Series, missing: NDArray[np.bool_]) -> NumberSniff:
    """Return the formats that fit a sample of trimmed `text`, which are none for text."""
    return _sniff_cells(_sample(text, missing))


def plain_numbers(text: pd.Series) -> NDArray[np.float64] | None:
    """Read trimmed `text` at once where all cells are empty, NaN or numbers with a point.

    None where they are not. Most columns of most tables are such, and this is quick.
    """
    cells = _arrow(text)
    try:
        # Fails early where the first cells are no numbers.
        for part in (cells[:1000], cells):
            filled = compute.if_else(compute.equal(part, ""), pa.scalar(None, part.type), part)
            values = compute.cast(filled, pa.float64())
    except pa.ArrowInvalid:
        return None
    return _floats(values)


def decimal_mark(sniffs: Iterable[NumberSniff]) -> str | None:
    """Return the decimal mark that most columns of a file prove; None where none proves one."""
    votes = Counter(sniff.decimal for sniff in sniffs if sniff.decimal is not None)
    return max(votes, key=votes.__getitem__) if votes else None


def read_numbers(
    text: pd.Series,
    missing: NDArray[np.bool_],
    sniffed: NumberSniff,
    mark: str | None,
    plain: NDArray[np.float64] | None = None,
) -> Numbers | None:
    """Read trimmed `text` in the format that was sniffed; None where it is no column of numbers.

    `mark` is the decimal mark of the file, which decides between formats that fit alike; `plain` is
    what `plain_numbers` returned.
    """
    if not sniffed.formats:
        return None
    row, ambiguous = _choose(sniffed, mark)
    if plain is not None and row is _PLAIN:
        return Numbers(
            values=plain,
            strays=np.zeros(len(text), bool),
            missing=missing,
            format=row,
            signs=(),
            ambiguous=ambiguous and _read_thousands(_arrow(text)),
        )
    numbers = _read(text, missing, sniffed, mark)
    if numbers.strays.any():
        # What the sample missed, such as the only cell above a thousand, may decide the format.
        strays = text[numbers.strays].head(SAMPLE).tolist()
        again = _sniff_cells([*_sample(text, missing), *strays])
        if again.formats:
            numbers = _read(text, missing, again, mark)
    present = len(text) - int(missing.sum())
    if int(numbers.strays.sum()) > present * (1 - NUMERIC_SHARE):
        return None
    return numbers


def read_by_format(text: pd.Series, name: str) -> Numbers:
    """Read trimmed `text` in the format of that name; other cells are strays, however many."""
    row = next(row for row in FORMATS if row.name == name)
    plain = plain_numbers(text) if row is _PLAIN else None
    if plain is not None:
        return Numbers(
            values=plain,
            strays=np.zeros(len(text), bool),
            missing=np.isnan(plain),
            format=row,
            signs=(),
            ambiguous=False,
        )
    held = NumberSniff(formats=(row,), signs=(), marked=True)
    return _read(text, is_missing(text), held, None)


def _sample(text: pd.Series, missing: NDArray[np.bool_], most: int = SAMPLE) -> list[str]:
    present = np.flatnonzero(~missing)
    if len(present) > most:
        spread = np.linspace(0, len(present) - 1, most // 2).astype(np.int64)
        present = present[np.unique(np.concatenate([np.arange(most // 2), spread]))]
    cells: list[str] = text.iloc[present].tolist()
    return cells


def _sniff_cells(cells: Sequence[str]) -> NumberSniff:
    none = NumberSniff(formats=(), signs=(), marked=False)
    if not cells:
        return none
    bodies: Counter[str] = Counter()
    signs: Counter[str] = Counter()
    # Cells of one shape, digits aside, fit the same formats.
    for shape, times in Counter(cell.translate(_DIGITS) for cell in cells).items():
        found = AFFIXED.fullmatch(shape)
        if found is None or bool(found["open"]) != bool(found["close"]):
            if shape.lower().lstrip("+-") in ("inf", "infinity"):
                bodies["0"] += times
            continue
        bodies[found["digits"]] += times
        for sign in filter(None, (found["prefix"], found["suffix"])):
            signs[sign] += times
    fits = {
        row.name: sum(n for body, n in bodies.items() if row.pattern.fullmatch(body))
        for row in FORMATS
    }
    best = max(fits.values())
    if best < len(cells) * NUMERIC_SHARE * 0.95 or best == 0:
        return none
    return NumberSniff(
        formats=tuple(row for row in FORMATS if fits[row.name] == best),
        signs=tuple(sign for sign, _ in signs.most_common()),
        marked=any("." in body or "," in body for body in bodies),
    )


def _read(
    text: pd.Series, missing: NDArray[np.bool_], sniffed: NumberSniff, mark: str | None
) -> Numbers:
    row, ambiguous = _choose(sniffed, mark)
    cells = compute.if_else(pa.array(missing), pa.scalar(None, pa.large_string()), _arrow(text))
    quick = _read_quickly(cells, row, sniffed.signs)
    if quick is not None:
        return Numbers(
            values=quick,
            strays=np.zeros(len(text), bool),
            missing=missing,
            format=row,
            signs=sniffed.signs,
            ambiguous=ambiguous and _read_thousands(cells),
        )
    body = compute.replace_substring_regex(cells, _AFFIXES_ARROW, r"\1\2\3\4")
    negative = compute.match_substring_regex(body, r"^\(|^[+]?[-−]")
    body = compute.replace_substring_regex(body, r"^[(+−-]+", "")
    fits = compute.match_substring_regex(body, f"^(?:{row.pattern.pattern})$")
    infinite = compute.match_substring_regex(body, r"^(?i:inf|infinity)$")
    digits = compute.if_else(fits, body, pa.scalar(None, pa.large_string()))
    for character in row.thousands:
        digits = compute.replace_substring(digits, character, "")
    if row.decimal == ",":
        digits = compute.replace_substring(digits, ",", ".")
    values = _floats(compute.cast(digits, pa.float64()))
    values[np.asarray(compute.fill_null(infinite, False))] = np.inf
    values = np.where(np.asarray(compute.fill_null(negative, False)), -values, values)
    return Numbers(
        values=values,
        strays=np.isnan(values) & ~missing,
        missing=missing,
        format=row,
        signs=sniffed.signs,
        ambiguous=ambiguous and _read_thousands(cells),
    )


def _read_quickly(
    cells: Any, row: NumberFormat, signs: tuple[str, ...]
) -> NDArray[np.float64] | None:
    """Read cells that all are in the format, with nothing but signs at the ends.

    None where one of them is not.
    """
    body = compute.utf8_trim(cells, "".join(signs) + _BLANKS) if signs else cells
    if row.thousands:
        fits = compute.match_substring_regex(body, f"^[+-]?(?:{row.pattern.pattern})$")
        if not compute.all(fits).as_py():
            return None
    elif row.decimal == "," and compute.any(compute.match_substring(body, ".")).as_py():
        return None
    for character in row.thousands:
        body = compute.replace_substring(body, character, "")
    if row.decimal == ",":
        body = compute.replace_substring(body, ",", ".")
    try:
        return _floats(compute.cast(body, pa.float64()))
    except pa.ArrowInvalid:
        return None


def _choose(sniffed: NumberSniff, mark: str | None) -> tuple[NumberFormat, bool]:
    """Return the format to hold to, and whether nothing but a convention decides for it."""
    formats = sniffed.formats
    if not sniffed.marked or len({row.decimal for row in formats}) == 1:
        return formats[0], False
    by_file = [row for row in formats if row.decimal == mark]
    return (by_file or list(formats))[0], not by_file


def _read_thousands(cells: Any) -> bool:
    """Return whether every cell with a mark reads like thousands, which never begin with 0."""
    marked = compute.match_substring_regex(cells, r"[.,]")
    grouped = compute.match_substring_regex(cells, r"^\D*[1-9]\d{0,2}(?:[.,]\d{3})+\D*$")
    return bool(compute.all(compute.or_(compute.invert(marked), grouped)).as_py())


def _arrow(text: pd.Series) -> Any:
    cells = pa.array(text, from_pandas=True)
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.combine_chunks()
    return cells.cast(pa.large_string())


def _floats(values: Any) -> NDArray[np.float64]:
    floats: NDArray[np.float64] = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return floats if floats.flags.writeable else floats.copy()
