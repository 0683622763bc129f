"""Bytes that are tables, bytes that nearly are, and bytes that are not."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.data.file_formats import MAX_BYTES, parse_file
from search.data.text_encoding import decode_text
from search.errors import InvalidDataset

TABLE = pd.DataFrame({"size": [1.5, 2.0, 3.25], "colour": ["red", "blue, dark", "red"]})


def frame_of(content: bytes, *, filename: str = "", limit: int = MAX_BYTES) -> pd.DataFrame:
    return parse_file(content, filename=filename, limit=limit).frame


def csv_bytes(separator: str = ",", encoding: str = "utf-8") -> bytes:
    return TABLE.to_csv(index=False, sep=separator).encode(encoding)


def parquet_bytes(frame: pd.DataFrame = TABLE) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        *(csv_bytes(separator) for separator in ",;\t|"),
        csv_bytes(encoding="utf-8-sig"),
        csv_bytes("\t", encoding="utf-16"),  # "Unicode text" of Excel
        csv_bytes().replace(b"\n", b"\r\n"),
        csv_bytes().replace(b"\n", b"\r"),
        b"\n  \n" + csv_bytes(),
        gzip.compress(csv_bytes()),
        gzip.compress(csv_bytes(";")),
        gzip.compress(csv_bytes()[:20]) + gzip.compress(csv_bytes()[20:]),  # as pigz and cat do
        parquet_bytes(),
        b"size;colour\n1,5;red\n2,0;blue, dark\n3,25;red\n",  # decimal commas
        b'size , "colour"\n1.5, "red"\n2.0, "blue, dark"\n3.25, red\n',  # blanks after commas
    ],
)
def test_table_is_the_same_in_every_format(content: bytes) -> None:
    frame = frame_of(content)
    assert frame.columns.tolist() == ["size", "colour"]
    sizes = [float(str(cell).replace(",", ".")) for cell in frame["size"]]
    assert sizes == TABLE["size"].tolist()
    assert frame["colour"].tolist() == TABLE["colour"].tolist()


def test_bytes_outrank_a_wrong_file_name() -> None:
    assert len(frame_of(parquet_bytes(), filename="table.csv")) == 3
    assert len(frame_of(csv_bytes(), filename="table.parquet")) == 3


def test_latin_1_is_read_where_utf_8_does_not_fit() -> None:
    assert frame_of("city,x\nZürich,1\n".encode("latin-1"))["city"].tolist() == ["Zürich"]


def test_cells_stay_as_they_are_written() -> None:
    frame = frame_of(b"x,y\n01,3.10\nNA,\n 7,None\n")
    assert frame["x"].str.strip().tolist() == ["01", "NA", "7"]
    assert frame["y"].tolist() == ["3.10", "", "None"]


def test_quoted_text_may_hold_separators_and_line_ends() -> None:
    frame = frame_of(b'note,x\n"a, b\nc; d",1\n"e",2\n')
    assert frame["note"].tolist() == ["a, b\nc; d", "e"]


def test_single_column_is_a_table() -> None:
    assert frame_of(b"x\n1\n2\n").columns.tolist() == ["x"]


def test_semicolons_inside_text_do_not_outvote_commas() -> None:
    frame = frame_of(b"note,x,y\na; b; c; d,1,2\na; b,3,4\n")
    assert frame.shape == (2, 3)


def test_nameless_column_is_named_by_its_place() -> None:
    assert frame_of(b",x\n1,2\n").columns.tolist() == ["column 1", "x"]


def test_parquet_of_other_column_kinds_can_be_read() -> None:
    table = pd.DataFrame({"when": [date(2026, 1, 2)], "price": [Decimal("1.50")], "list": [[1, 2]]})
    frame = frame_of(parquet_bytes(table))
    assert frame.columns.tolist() == ["when", "price", "list"]


def test_parquet_index_column_is_a_column_like_others() -> None:
    frame = frame_of(parquet_bytes(TABLE.set_index("colour")))
    assert sorted(frame.columns) == ["colour", "size"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n\r\n ", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (bytes(range(256)) * 20, "neither text nor Parquet"),
        ("area,price\n1,2\n".encode("utf-16-le")[:-1], "neither text nor Parquet"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither text nor Parquet"),
        (b"PK\x03\x04 and so on", "Excel workbook or a ZIP archive; save the table as CSV"),
        (b"\xd0\xcf\x11\xe0 and so on", "Excel workbook"),
        (b"PAR1 and nothing else", "damaged Parquet file"),
        (parquet_bytes()[:-10], "damaged Parquet file"),
        (b"\x1f\x8b\x08 no gzip at all, I fear", "damaged gzip file"),
        (gzip.compress(csv_bytes())[:-12], "cut off"),
        (b"x,y\n1,2\n3,4,5\n6,7\n", "Expected 2 fields in line 3, saw 3"),
        (b"x,y\n1,2,3\n4,5,6\n", "rows with more fields than the header's 2"),
        # Row names 0, 1, ... without a name above them.
        (b"x,y\n0,2,3\n1,5,6\n", "rows with more fields than the header's 2"),
        (b"x,y,x\n1,2,3\n", "names the column 'x' more than once"),
        (b"1,5,5\n1,2,3\n", "'5' more than once.*header row"),
        (b'x,y\n1,"2\n3,4\n', "not a regular table"),
    ],
)
def test_bytes_that_are_no_table_are_answered_with_a_sentence(
    content: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidDataset, match=f"(?s){sentence}") as caught:
        frame_of(content)
    assert caught.value.pointer == "/file"
    assert str(caught.value).startswith("the file ")


def test_sentence_names_the_file() -> None:
    with pytest.raises(InvalidDataset, match=r"^file 'a\.csv' is empty"):
        frame_of(b"", filename="a.csv")


@pytest.mark.parametrize(
    "pack",
    [
        lambda: b"x,y\n" + b"1,2\n" * 5000,
        # A bomb: small here, large when opened.
        lambda: gzip.compress(b"x,y\n" + b"1,2\n" * 5000, mtime=0),
        lambda: parquet_bytes(pd.DataFrame({"x": np.zeros(500_000)})),
    ],
    ids=["csv", "gzip", "parquet"],
)
def test_too_much_is_refused_packed_or_not(pack: Callable[[], bytes]) -> None:
    with pytest.raises(InvalidDataset, match="than the limit of"):
        frame_of(pack(), limit=10_000)


def test_bomb_does_not_open_in_memory() -> None:
    bomb = gzip.compress(b"x,y\n" + b"1,2\n" * 10_000_000, mtime=0)
    tracemalloc.start()
    with pytest.raises(InvalidDataset, match="than the limit of"):
        frame_of(bomb, limit=len(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(bomb)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_earn_anything_but_a_table_or_a_sentence(content: bytes) -> None:
    try:
        frame = frame_of(content)
    except InvalidDataset:
        return
    assert frame.columns.is_unique
    assert all(isinstance(name, str) and name for name in frame.columns)


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet='ab1.,;\t|"\n\r ?-', max_size=80).map(str.encode))
def test_no_heap_of_separators_and_quotes_earns_anything_else(content: bytes) -> None:
    try:
        frame = frame_of(content)
    except InvalidDataset:
        return
    assert frame.columns.is_unique


@given(st.binary(max_size=300) | st.text(max_size=80).map(lambda text: text.encode("utf-16-le")))
def test_any_bytes_are_decoded(content: bytes) -> None:
    for end in (len(content), len(content) - 1):
        text, notes = decode_text(content[: max(end, 0)])
        assert isinstance(text, str)
        assert len(notes) <= 1
