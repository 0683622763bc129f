"""A text table of any length, read chunk by chunk, so that memory does not grow with its rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from search.data.csv_dialect import WHITESPACE, Dialect, sniff_dialect
from search.data.date_formats import SECONDS_A_DAY, days_since_1970
from search.data.file_formats import check_names, parse_file
from search.errors import InvalidDataset

#: Bytes in which the dialect is sniffed, and bytes that are read at a time.
_HEAD_BYTES = 2**20
_CHUNK_BYTES = 2**18
_CHUNK_ROWS = 20_000
#: Largest file of the kinds that can only be read whole.
_WHOLE_BYTES = 100 * 2**20
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
#: First bytes of gzip, Parquet and ZIP; and ARFF's.
_OTHER_FORMATS = (b"\x1f\x8b", b"PAR1", b"PK\x03\x04")
_ARFF = re.compile(rb"\A(?:\s*%[^\n]*\n|\s*\n)*\s*@relation", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunks:
    """The columns of a table, and its rows in order."""

    names: tuple[str, ...]
    #: Frames of a few thousand rows.
    frames: Iterator[pd.DataFrame]
    #: Whether all cells are text, "" where one is empty; else they are objects, None where missing,
    #: and times are days since 1970.
    are_text: bool = True


def read_chunks(path: Path) -> Chunks:
    """Open a table; rows are read as `frames` is iterated over.

    UTF-8 with one separator is read in chunks; whatever else an upload may be (other encodings,
    blanks as separators, gzip, ARFF, Parquet) is read whole. Raises InvalidDataset for what is no
    table, also while iterating.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    dialect = _dialect(head, is_whole=len(head) < _HEAD_BYTES)
    if dialect is None:
        frame = parse_file(path.read_bytes(), limit=_WHOLE_BYTES).frame
        are_text = all(str(kind) == "str" for kind in frame.dtypes)
        plain = frame if are_text else frame.apply(_plain_column)
        names = tuple(map(str, frame.columns))
        return Chunks(names=names, frames=_slices(plain), are_text=are_text)
    names = tuple(check_names(list(dialect.names), "the file"))
    return Chunks(names=names, frames=_frames(path, dialect, _start(head, dialect), names))


def _dialect(head: bytes, *, is_whole: bool) -> Dialect | None:
    """Return the dialect of a file that can be read in chunks, None of any other."""
    if not head.strip() or head.startswith(_OTHER_FORMATS) or _ARFF.match(head):
        return None
    if not is_whole:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1]
    try:
        text = head.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        return None
    try:
        dialect = sniff_dialect(text)
    except csv.Error:
        return None
    blank_before_quote = f'{dialect.separator} "' in text
    return None if dialect.separator == WHITESPACE or blank_before_quote else dialect


def _start(head: bytes, dialect: Dialect) -> int:
    """Return the place of the first byte below the header."""
    ends = [found.end() for found in _LINE_END.finditer(head)]
    return ends[dialect.lines - 1] if dialect.lines <= len(ends) else len(head)


def _frames(
    path: Path, dialect: Dialect, start: int, names: tuple[str, ...]
) -> Iterator[pd.DataFrame]:
    places = [str(place) for place in range(len(names) + dialect.trailing)]
    kind = pd.StringDtype("pyarrow", na_value=np.nan)
    with path.open("rb") as file:
        file.seek(start)
        if not _has_rows(file):
            return
        file.seek(start)
        try:
            with arrow_csv.open_csv(
                file,
                read_options=arrow_csv.ReadOptions(column_names=places, block_size=_CHUNK_BYTES),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=dialect.separator, newlines_in_values=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(places, pa.large_string()),
                    strings_can_be_null=False,
                ),
            ) as reader:
                for batch in reader:
                    frame = batch.to_pandas(types_mapper={pa.large_string(): kind}.get)
                    yield frame.iloc[:, : len(names)].set_axis(names, axis=1)
        except pa.ArrowInvalid as error:
            raise InvalidDataset(
                f"the rows are not a regular table: {str(error).strip()[:200]}; give every row as "
                f"many fields as the header, quote fields that hold the separator, and save the "
                f"file as UTF-8",
                pointer="/rows",
            ) from error


def _has_rows(file: IO[bytes]) -> bool:
    while part := file.read(_CHUNK_BYTES):
        if part.strip():
            return True
    return False


def _slices(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), _CHUNK_ROWS):
        yield frame.iloc[start : start + _CHUNK_ROWS].reset_index(drop=True)


def _plain_column(column: pd.Series) -> pd.Series:
    values = column
    if pd.api.types.is_datetime64_any_dtype(column):
        values = pd.Series(days_since_1970(column))
    elif pd.api.types.is_timedelta64_dtype(column):
        values = column.dt.total_seconds() / SECONDS_A_DAY
    return values.astype(object).where(column.notna(), None)
