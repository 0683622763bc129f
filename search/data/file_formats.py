"""Uploaded bytes are parsed into a table: delimited text and ARFF (also gzipped), and Parquet.

The format is told by the bytes: file names and content types are often wrong, so they are only
quoted in messages. Cells of text formats stay text, as written: what a column is taken for is
decided afterwards, on all of it. `limit` bounds the bytes before and after decompression.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import ArrowException, parquet
from pyarrow import csv as arrow_csv

from search.data import arff
from search.data.csv_dialect import (
    SEPARATORS,
    SNIFFED_LINES,
    WHITESPACE,
    Dialect,
    first_lines,
    looks_like_number,
    sniff_dialect,
    split_records,
)
from search.data.table_limits import TableLimits
from search.data.text_encoding import decode_text
from search.errors import InvalidDataset

MAX_BYTES = 100 * 2**20

#: Control characters that text files do hold: tab, line feed, form feed, carriage return.
_BLANKS = tuple(map(ord, "\t\n\f\r"))
#: Blank lines above the table.
_BLANK_LINES = re.compile(r"\A(?:[ ]*\n)+")
_LINE_OF_ERROR = re.compile(r"in line (\d+)")
#: Bytes that Arrow parses at a time; no cell may be longer.
_BLOCK_BYTES = 8 * 2**20
#: Bytes of decoded cells for a byte of the limit on files: a number takes 8, its text 2 and more.
_DECODED = 4
#: Rows of a Parquet file that are looked at first, and that are decoded at a time at most.
_PROBED_ROWS, _BATCH_ROWS = 16, 2**16
#: Longest name of a column.
_NAME_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParsedFile:
    """A table with unique, non-empty text column names, and what to tell of its file."""

    #: Columns of dtype `str` for text formats, "" where a cell is empty; typed for Parquet.
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    #: Returns the lines of the file, counted from 1, at which some rows of the frame end; None
    #: where the format has no lines.
    lines: Callable[[Iterable[int]], list[int]] | None = field(default=None)


def parse_file(
    content: bytes,
    *,
    filename: str = "",
    limit: int = MAX_BYTES,
    shape: TableLimits | None = None,
) -> ParsedFile:
    """Parse a file of any known format.

    Raises InvalidDataset where the bytes hold no table or too large a one: of more than `limit`
    bytes, or beyond `shape`, which is looked at before the cells where the format allows that.
    """
    called = f"file '{filename}'" if filename else "the file"
    _check_size(len(content), limit, called)
    if content.startswith(b"\x1f\x8b"):
        content = _decompress(content, limit, called)
    if not content.strip():
        raise _empty(called)
    for magic, read in _FORMATS.items():
        if content.startswith(magic):
            parsed = read(content, limit, called, shape)
            break
    else:
        parsed = _parse_text(content, called, shape)
    if shape is not None:
        shape.check(*parsed.frame.shape, called)
    return parsed


def _check_size(size: int, limit: int, called: str) -> None:
    if size > limit:
        raise _invalid(
            f"{called} is larger than the limit of {limit / 2**20:g} MiB; bring fewer rows or "
            f"columns"
        )


def _decompress(content: bytes, limit: int, called: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(limit + 1)  # no more: a bomb must not open in memory
    except EOFError as error:
        raise _invalid(f"{called} is a gzip file that was cut off; upload the whole") from error
    except (OSError, zlib.error) as error:
        raise _invalid(f"{called} is a damaged gzip file ({error}); compress it again") from error
    _check_size(len(plain), limit, f"{called}, decompressed,")
    return plain


def _parse_text(content: bytes, called: str, shape: TableLimits | None) -> ParsedFile:
    if shape is not None:
        _check_separators(content, shape, called)
    text, skipped, notes = _decode(content, called)
    try:
        if arff.is_arff(text):
            if shape is not None:
                shape.check(0, arff.count_attributes(text), called)
            names, table, line = arff.read(text)
            frame = table.set_axis(check_names(names, called), axis=1)
            return ParsedFile(
                frame=frame,
                notes=tuple(notes),
                lines=lambda rows: [skipped + line + row + 1 for row in rows],
            )
        dialect = sniff_dialect(text)
        if shape is not None:
            shape.check(0, len(dialect.names), called)
        frame = _read_rows(text, dialect, called)
    except InvalidDataset:
        raise
    except (csv.Error, ValueError) as error:  # pandas' errors of parsing are ValueErrors
        raise _invalid(
            f"{called} is not a regular table: {_last_words(error, skipped)}; give every row as "
            f"many fields as the header, and quote fields that hold the separator"
        ) from error
    return ParsedFile(
        frame=frame,
        notes=(*notes, *_notes_on(dialect)),
        lines=lambda rows: _line_numbers(text, dialect, skipped, rows),
    )


def _check_separators(content: bytes, shape: TableLimits, called: str) -> None:
    """Refuse lines of separators by the thousands, over which sniffing a dialect takes seconds."""
    for line in first_lines(content.decode("latin-1"), SNIFFED_LINES):
        shape.check(0, max(map(line.count, SEPARATORS)), called)


def _read_rows(text: str, dialect: Dialect, called: str) -> pd.DataFrame:
    """Read the rows below the header as text."""
    names = check_names(list(dialect.names), called)
    columns = [*names, *([""] if dialect.trailing else [])]
    body = text[dialect.start :]
    _check_first_row(body, dialect, len(columns), called)
    frame = _read_with_arrow(body, dialect, columns)
    if frame is None:
        frame = _read_with_pandas(body, dialect, columns)
    frame = _without_comments(frame)
    return frame[names]


def _check_first_row(body: str, dialect: Dialect, width: int, called: str) -> None:
    first = next(iter(split_records(first_lines(body, SNIFFED_LINES), dialect.separator)), [])
    if len(first) > width:
        raise _invalid(
            f"{called} has rows with more fields than the header's {width}; name every column, or "
            f"leave row names out"
        )


def _read_with_arrow(body: str, dialect: Dialect, columns: list[str]) -> pd.DataFrame | None:
    """Read with Arrow, ten times as quick as pandas for text; None where pandas must do it."""
    blank_before_quote = f'{dialect.separator} "' in body
    open_quote = body.count('"') % 2 == 1  # which Arrow would close at the end of the file
    if dialect.separator == WHITESPACE or blank_before_quote or open_quote or not body.strip():
        return None
    places = [str(place) for place in range(len(columns))]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(body.encode()),
            read_options=arrow_csv.ReadOptions(column_names=places, block_size=_BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.separator, newlines_in_values='"' in body
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None  # ragged rows, which pandas forgives or explains
    kind = pd.StringDtype("pyarrow", na_value=np.nan)
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.large_string(): kind}.get)
    return frame.set_axis(columns, axis=1)


def _read_with_pandas(body: str, dialect: Dialect, columns: list[str]) -> pd.DataFrame:
    whitespace = dialect.separator == WHITESPACE
    if not body.strip():
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    try:
        frame = pd.read_csv(
            io.StringIO(body),
            sep=r"\s+" if whitespace else dialect.separator,
            header=None,
            names=list(range(len(columns))),
            dtype="str",
            keep_default_na=False,
            na_filter=False,
            skipinitialspace=True,
        )
    except ValueError as error:
        # pandas counts lines from where the rows begin.
        shifted = _LINE_OF_ERROR.sub(
            lambda found: f"in line {int(found[1]) + dialect.lines}", str(error)
        )
        raise ValueError(shifted) from error
    return frame.fillna("").astype("str").set_axis(columns, axis=1)


def _without_comments(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out rows that are comments: a mark in the first cell and nothing in the others."""
    if frame.shape[1] < 2 or frame.empty:
        return frame
    comment = frame.iloc[:, 0].str.startswith("#")
    if not comment.any():
        return frame
    rest = (frame.loc[comment].iloc[:, 1:] == "").all(axis=1)
    return frame.drop(index=rest.index[rest])


def _line_numbers(text: str, dialect: Dialect, skipped: int, rows: Iterable[int]) -> list[int]:
    wanted = set(rows)
    found: dict[int, int] = {}
    body = io.StringIO(text[dialect.start :])
    separator = "," if dialect.separator == WHITESPACE else dialect.separator
    reader = csv.reader(body, delimiter=separator, skipinitialspace=True)
    filled = (reader.line_num for fields in reader if fields)
    for row, line in enumerate(islice(filled, max(wanted, default=-1) + 1)):
        if row in wanted:
            found[row] = skipped + dialect.lines + line
    return [found[row] for row in sorted(wanted) if row in found]


def _notes_on(dialect: Dialect) -> list[str]:
    if not dialect.preamble:
        return []
    lines = len(dialect.preamble)
    shown = dialect.preamble[0][:60]
    return [f"{lines} line{'s' * (lines > 1)} above the header, such as '{shown}', were skipped"]


def _decode(content: bytes, called: str) -> tuple[str, int, list[str]]:
    """Return the text, the blank lines cut off above it, and notes."""
    text, notes = decode_text(content)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    blank = _BLANK_LINES.match(text)
    skipped = blank[0].count("\n") if blank else 0
    text = text[blank.end() :] if blank else text
    if not text.strip():
        raise _empty(called)
    if _holds_control_characters(text):
        raise _invalid(
            f"{called} is neither text nor Parquet; save the table as CSV (UTF-8) or Parquet"
        )
    return text, skipped, notes


def _holds_control_characters(text: str) -> bool:
    codes = np.frombuffer(text.encode(), np.uint8)
    low = np.unique(codes[codes < 32])
    return bool(np.setdiff1d(low, _BLANKS).size)


def _parse_parquet(
    content: bytes, limit: int, called: str, shape: TableLimits | None
) -> ParsedFile:
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        facts = file.metadata
        if shape is not None:
            shape.check(facts.num_rows, facts.num_columns, called)
        # A cell of a CSV takes two bytes at least, so this is the same limit; encodings such as
        # run lengths let a small file hold a table that fills the memory.
        if facts.num_rows * facts.num_columns > limit // 2:
            raise _invalid(
                f"{called} holds {facts.num_rows} rows of {facts.num_columns} columns, more cells "
                f"than the limit of {limit // 2}; bring fewer rows or columns"
            )
        frame = _read_batches(file, limit * _DECODED, called).to_pandas(ignore_metadata=True)
    except (ArrowException, OSError) as error:
        raise _invalid(
            f"{called} is a damaged Parquet file: {_last_words(error)}; write it again"
        ) from error
    frame.columns = pd.Index(check_names([str(name).strip() for name in frame.columns], called))
    return ParsedFile(frame=frame)


def _read_batches(file: parquet.ParquetFile, most: int, called: str) -> pa.Table:
    """Read batch by batch, at most `most` bytes: a value stored once may stand in every row."""
    facts = file.metadata
    stored = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
    _check_decoded(stored, most, called)
    # A few rows tell how many may be decoded at a time.
    probed = next(file.iter_batches(batch_size=_PROBED_ROWS), None)
    width = 1 if probed is None else max(1, _decoded_size(probed) // max(1, probed.num_rows))
    rows = min(max(_PROBED_ROWS, _BLOCK_BYTES // width), _BATCH_ROWS)
    batches: list[pa.RecordBatch] = []
    decoded = 0
    for batch in file.iter_batches(batch_size=rows):
        decoded += _decoded_size(batch)
        _check_decoded(decoded, most, called)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=file.schema_arrow)


def _decoded_size(batch: pa.RecordBatch) -> int:
    """Return the bytes of a batch whose every cell stands for itself."""
    plain = (
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    )
    return sum(column.nbytes for column in plain)


def _check_decoded(size: int, most: int, called: str) -> None:
    if size > most:
        raise _invalid(
            f"the cells of {called} take more than {most / 2**20:g} MiB; bring fewer rows or "
            f"columns"
        )


def _refuse_zip(content: bytes, limit: int, called: str, shape: TableLimits | None) -> ParsedFile:
    raise _invalid(
        f"{called} is an Excel workbook or a ZIP archive; save the table as CSV or Parquet"
    )


#: First bytes of a file -> its parser; everything else is tried as text.
_FORMATS: dict[bytes, Callable[[bytes, int, str, TableLimits | None], ParsedFile]] = {
    b"PAR1": _parse_parquet,
    b"PK\x03\x04": _refuse_zip,
    b"\xd0\xcf\x11\xe0": _refuse_zip,  # Excel 97
}


def check_names(names: list[str], called: str) -> list[str]:
    """Give nameless columns a name by position; refuse names that stand twice."""
    long = max(names, key=len, default="")
    if len(long) > _NAME_CHARACTERS:
        raise _invalid(
            f"{called} has a column whose name takes {len(long)} characters, '{long[:40]}...', but "
            f"{_NAME_CHARACTERS} are the most; put a header row with short names above the data"
        )
    named = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    twice = sorted(name for name, times in Counter(named).items() if times > 1)
    if twice:
        raise _invalid(
            f"{called} names the column '{twice[0]}' more than once; every column needs a name "
            f"of its own"
            + ("" if not all(map(looks_like_number, twice)) else ", in a header row above the data")
        )
    return named


def _last_words(error: Exception, skipped: int = 0) -> str:
    words = (
        str(error)
        .strip()
        .rpartition("\n")[2]
        .removeprefix("Error tokenizing data. ")
        .removeprefix("C error: ")
        .rstrip(".")
    )
    return _LINE_OF_ERROR.sub(lambda found: f"in line {int(found[1]) + skipped}", words)


def _empty(called: str) -> InvalidDataset:
    return _invalid(f"{called} is empty; it must hold a table with a header row")


def _invalid(detail: str) -> InvalidDataset:
    return InvalidDataset(detail, pointer="/file")
