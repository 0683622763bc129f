"""Uploaded bytes are parsed into a table: CSV (also gzipped) and Parquet.

The format is told by the bytes: file names and content types are often wrong, so they are only
quoted in messages. CSV may be separated by commas, semicolons, tabs or bars, in UTF-8, UTF-16
with a byte-order mark, or Latin-1. `limit` bounds the bytes before and after decompression.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pandas as pd

from search.errors import InvalidDataset, MissingExtra

MAX_BYTES = 100 * 2**20

_SEPARATORS = (",", ";", "\t", "|")
#: The mark of the UCI repository, missing beside those that pandas knows.
_MISSING = ("?",)
_SNIFFED_LINES = 20
_SNIFFED_CHARACTERS = 100_000
#: Characters that no text file holds: control characters but tab, line feed, carriage return.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
#: Blank lines above the table.
_BLANK_LINES = re.compile(r"\A(?:[ ]*\n)+")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DECIMAL_COMMA = re.compile(r"(?:^|[;\t])\s*-?\d+,\d+\s*(?=[;\t]|$)", re.MULTILINE)
_DECIMAL_POINT = re.compile(r"(?:^|[;\t])\s*-?\d+\.\d+\s*(?=[;\t]|$)", re.MULTILINE)


def parse_file(content: bytes, *, filename: str = "", limit: int = MAX_BYTES) -> pd.DataFrame:
    """Read a table with unique, non-empty text column names.

    Raises InvalidDataset where the bytes hold no such table or too much of it, MissingExtra for
    Parquet without pyarrow.
    """
    called = f"file '{filename}'" if filename else "the file"
    _check_size(len(content), limit, called)
    if content.startswith(b"\x1f\x8b"):
        content = _decompress(content, limit, called)
    if not content.strip():
        raise _empty(called)
    for magic, read in _FORMATS.items():
        if content.startswith(magic):
            return read(content, limit, called)
    return _read_csv(content, limit, called)


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


def _read_csv(content: bytes, limit: int, called: str) -> pd.DataFrame:
    text = _decode(content, called)
    separator = _sniff(text)
    records = _records(io.StringIO(text), separator)
    try:
        header, first = next(records), next(records, [])
        names = _check_names([name.strip() for name in header], called)
        if len(first) > len(names):  # pandas would take the first fields for row names
            raise _invalid(
                f"{called} has rows with more fields than the header's {len(names)}; name every "
                f"column, or leave row names out"
            )
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            decimal=_decimal_mark(text, separator),
            na_values=list(_MISSING),
            skipinitialspace=True,
            low_memory=False,
        ).set_axis(names, axis=1)
    except InvalidDataset:
        raise
    except (csv.Error, ValueError) as error:  # pandas' errors of parsing are ValueErrors
        raise _invalid(
            f"{called} is not a regular table: {_last_words(error)}; give every row as many "
            f"fields as the header, and quote fields that hold the separator"
        ) from error


def _records(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _decimal_mark(text: str, separator: str) -> str:
    sample = text[:_SNIFFED_CHARACTERS]
    if separator == "," or _DECIMAL_POINT.search(sample):
        return "."
    return "," if _DECIMAL_COMMA.search(sample) else "."


def _decode(content: bytes, called: str) -> str:
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = _BLANK_LINES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        raise _empty(called)
    if _CONTROL.search(text):
        raise _invalid(
            f"{called} is neither text nor Parquet; save the table as CSV (UTF-8) or Parquet"
        )
    return text


def _sniff(text: str) -> str:
    """Guess the separator: the one that cuts most of the first lines into equally many fields."""
    lines = [line for line in islice(io.StringIO(text), _SNIFFED_LINES) if line.strip()]

    def fit(separator: str) -> tuple[int, int]:
        try:
            counts = Counter(map(len, _records(lines, separator)))
        except csv.Error:
            return 0, 0
        fields, agreeing = max(counts.items(), key=lambda item: (item[1], item[0]))
        return (agreeing, fields) if fields > 1 else (0, 0)

    return max(_SEPARATORS, key=fit)


def _read_parquet(content: bytes, limit: int, called: str) -> pd.DataFrame:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingExtra("reading Parquet", "parquet") from error
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        facts = file.metadata
        # A cell of a CSV takes two bytes at least, so this is the same limit; encodings such as
        # run lengths let a small file hold a table that fills the memory.
        if facts.num_rows * facts.num_columns > limit // 2:
            raise _invalid(
                f"{called} holds {facts.num_rows} rows of {facts.num_columns} columns, more cells "
                f"than the limit of {limit // 2}; bring fewer rows or columns"
            )
        frame: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
    except (ArrowException, OSError) as error:
        raise _invalid(
            f"{called} is a damaged Parquet file: {_last_words(error)}; write it again"
        ) from error
    frame.columns = pd.Index(_check_names([str(name).strip() for name in frame.columns], called))
    return frame


def _refuse_zip(content: bytes, limit: int, called: str) -> pd.DataFrame:
    raise _invalid(
        f"{called} is an Excel workbook or a ZIP archive; save the table as CSV or Parquet"
    )


#: First bytes of a file -> its reader; everything else is tried as CSV.
_FORMATS: dict[bytes, Callable[[bytes, int, str], pd.DataFrame]] = {
    b"PAR1": _read_parquet,
    b"PK\x03\x04": _refuse_zip,
    b"\xd0\xcf\x11\xe0": _refuse_zip,  # Excel 97
}


def _check_names(names: list[str], called: str) -> list[str]:
    """Give nameless columns a name by position; refuse names that stand twice."""
    named = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    twice = sorted(name for name, times in Counter(named).items() if times > 1)
    if twice:
        raise _invalid(
            f"{called} names the column '{twice[0]}' more than once; every column needs a name "
            f"of its own"
            + ("" if not all(map(_is_number, twice)) else ", in a header row above the data")
        )
    return named


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _last_words(error: Exception) -> str:
    return (
        str(error)
        .strip()
        .rpartition("\n")[2]
        .removeprefix("Error tokenizing data. ")
        .removeprefix("C error: ")
        .rstrip(".")
    )


def _empty(called: str) -> InvalidDataset:
    return _invalid(f"{called} is empty; it must hold a table with a header row")


def _invalid(detail: str) -> InvalidDataset:
    return InvalidDataset(detail, pointer="/file")
