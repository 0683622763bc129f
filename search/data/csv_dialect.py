"""The dialect of a text table: where its header stands and what separates its fields.

Tables come with a title above them, with comments, with Excel's line `sep=;`, with a separator at
the end of every row, or with blanks between columns. The dialect is sniffed on the first
`SNIFFED_LINES` lines.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from search.errors import InvalidDataset

SNIFFED_LINES = 200
#: A run of blanks; tried only where none of the others separates anything.
WHITESPACE = " "
SEPARATORS = (",", ";", "\t", "|")
_COMMENTS = ("#", "%", "//")
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*\n', re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?%?")

# Cells of 150,000 characters do occur; the size of the file is bounded already.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Everything needed to parse the rows below the header."""

    separator: str
    #: Names as written, without blanks at the ends; maybe empty or repeated.
    names: tuple[str, ...]
    #: Position in the text of the first character below the header.
    start: int
    #: Lines of the text above `start`.
    lines: int
    #: Whether every row ends with a separator that the header lacks.
    trailing: bool = False
    #: Lines above the header that were skipped, without line ends and blank lines.
    preamble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Record:
    fields: list[str]
    #: Lines of the sample up to the end of this record.
    end: int


def sniff_dialect(text: str) -> Dialect:
    """Return the dialect of `text`, whose lines end with a line feed.

    Raises InvalidDataset where rows have names that the header lacks, csv.Error where quotes do
    not close.
    """
    skipped, forced = 0, ""
    if found := _SEP_LINE.match(text):
        skipped, forced = 1, found[1]
    lines = first_lines(text, SNIFFED_LINES)
    comments = skipped
    while comments < len(lines) and _is_skippable(lines[comments]):
        comments += 1
    above, sample = lines[skipped:comments], lines[comments:]
    separator = forced or _sniff_separator(sample)
    records = [r for r in _records(sample, separator) if any(map(str.strip, r.fields))]
    if not records:
        raise InvalidDataset(
            "the file holds comments but no table; it must hold a header row", pointer="/file"
        )
    width = _usual_width(records)
    header = _header_in_comment(above, separator, width, records)
    if header is not None:
        names, end, place = header, comments, 0
    else:
        place = _header_place(records, width)
        names, end = records[place].fields, comments + records[place].end
    rows = records[place:] if header is not None else records[place + 1 :]
    return Dialect(
        separator=separator,
        names=tuple(name.strip() for name in names),
        start=sum(map(len, lines[:end])),
        lines=end,
        trailing=_is_trailing(rows, len(names)),
        preamble=tuple(
            line.strip()
            for line in lines[: comments + (records[place - 1].end if place else 0)]
            if line.strip()
        ),
    )


def first_lines(text: str, count: int) -> list[str]:
    """Return the first lines of a long text, line ends included, without copying the rest."""
    end = 0
    for _ in range(count):
        end = text.find("\n", end) + 1
        if not end:
            return _lines(text)
    return _lines(text[:end])


def split_records(lines: Iterable[str], separator: str) -> Iterable[list[str]]:
    """Split lines into fields, blanks after a separator left out."""
    if separator == WHITESPACE:
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def looks_like_number(text: str) -> bool:
    """Return whether `text` reads as a number in any of the usual ways of writing one."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _records(lines: list[str], separator: str) -> list[_Record]:
    if separator == WHITESPACE:
        return [_Record(line.split(), number) for number, line in enumerate(lines, 1)]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    records = []
    try:
        for fields in reader:
            records.append(_Record(fields, reader.line_num))  # noqa: PERF401 - rows before an error are kept
    except csv.Error:
        # A quote of the sample may close below it.
        if not records:
            raise
    return records


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text))  # splits at line feeds only


def _is_skippable(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(_COMMENTS)


def _sniff_separator(lines: list[str]) -> str:
    """Return the separator that cuts most of the lines into equally many fields."""

    def fit(separator: str) -> tuple[int, int]:
        try:
            counts = Counter(
                len(r.fields) for r in _records(lines, separator) if any(map(str.strip, r.fields))
            )
        except csv.Error:
            return 0, 0
        if not counts:
            return 0, 0
        fields, agreeing = max(counts.items(), key=lambda item: (item[1], item[0]))
        return (agreeing, fields) if fields > 1 else (0, 0)

    fits = {separator: fit(separator) for separator in SEPARATORS}
    best = max(SEPARATORS, key=fits.__getitem__)
    if fits[best][0] > 0:
        return best
    filled = [line for line in lines if line.strip()]
    widths = {len(line.split()) for line in filled}
    if len(filled) > 1 and len(widths) == 1 and widths != {1}:
        return WHITESPACE
    return best


def _usual_width(records: list[_Record]) -> int:
    counts = Counter(len(record.fields) for record in records)
    return max(counts.items(), key=lambda item: (item[1], item[0]))[0]


def _header_place(records: list[_Record], width: int) -> int:
    """Return the index of the header among the records: the first of the usual width.

    A line above it that is one field short is the header itself where numbers stand below it: then
    the rows end with a separator, or begin with names.
    """
    first = next(i for i, record in enumerate(records) if len(record.fields) == width)
    if first and len(records[first - 1].fields) == width - 1 and _holds_number(records[first]):
        return first - 1
    if first and _holds_number(records[first]) and not _holds_number(records[first - 1]):
        # Two lines of text of other widths, then numbers: the table has a ragged header.
        return first - 1 if len(records[first - 1].fields) > width else first
    return first


def _holds_number(record: _Record) -> bool:
    return any(looks_like_number(field) for field in record.fields)


def _header_in_comment(
    above: list[str], separator: str, width: int, records: list[_Record]
) -> list[str] | None:
    """Return the names where the last comment holds as many as rows of numbers have fields."""
    if width < 2 or not _holds_number(records[0]):
        return None
    for line in reversed(above):
        text = line.strip().lstrip("#%/").strip()
        if text:
            (names,) = split_records([text], separator)
            usable = len(names) == width and not any(map(looks_like_number, names))
            return names if usable else None
    return None


def _is_trailing(rows: list[_Record], names: int) -> bool:
    longer = [record for record in rows if len(record.fields) == names + 1]
    return bool(longer) and not any(record.fields[-1].strip() for record in longer)
