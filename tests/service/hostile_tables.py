"""Tables that fill memory or time, or are no tables: each kind by name, as bytes.

`BEYOND` must be refused, `DAMAGED` too; `ODD` may be read, if it is done quickly.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyarrow import parquet

Make = Callable[[], bytes]


def parquet_of(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def repeated(value: Any, rows: int, columns: int = 1, kind: pa.DataType | None = None) -> bytes:
    """A Parquet file of one value again and again, which takes next to no bytes."""
    dictionary = pa.array([value], kind)
    codes = pa.array(memoryview(bytes(4 * rows)).cast("i"), pa.int32())
    column = pa.DictionaryArray.from_arrays(codes, dictionary)
    return parquet_of(
        pa.table({f"c{i}": column for i in range(columns)}), compression="zstd", row_group_size=rows
    )


def csv_of(columns: int, rows: int, cell: str = "1", separator: str = ",") -> bytes:
    head = separator.join(f"c{i}" for i in range(columns))
    row = separator.join([cell] * columns)
    return "\n".join([head, *[row] * rows]).encode()


def nested(depth: int) -> bytes:
    kind: pa.DataType = pa.int64()
    for _ in range(depth):
        kind = pa.list_(kind)
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return parquet_of(pa.table({"c0": pa.array([value] * 50, kind), "c1": list(range(50))}))


def many_lists() -> bytes:
    lists = pa.ListArray.from_arrays(
        pa.array([i * 10_000 for i in range(1001)], pa.int32()),
        pa.array(memoryview(bytes(10_000_000)), pa.uint8()),
    )
    return parquet_of(pa.table({"c0": lists, "c1": list(range(1000))}), compression="zstd")


def wide_parquet() -> bytes:
    row = pa.array([1])
    return parquet_of(pa.table({f"c{i}": row for i in range(20_000)}), use_dictionary=False)


def footer(length: int) -> bytes:
    return b"PAR1" + bytes(200) + struct.pack("<I", length) + b"PAR1"


def damaged(seed: int, *, head: bool) -> bytes:
    whole = bytearray(parquet_of(pa.table({"c0": list(range(500)), "c1": ["a", "b"] * 250})))
    chance = random.Random(seed)
    start, end = (4, len(whole) // 2) if head else (len(whole) // 2, len(whole) - 8)
    for _ in range(12):
        whole[chance.randrange(start, end)] = chance.randrange(256)
    return bytes(whole)


def gzipped(content: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        content = gzip.compress(content, 9)
    return content


def zeros_compressed(size: int) -> bytes:
    """A gzip stream of `size` zeros, made without them."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(2**20)
    parts = [stream.compress(block) for _ in range(size // 2**20)]
    return b"".join([*parts, stream.flush()])


def arff_of(columns: int, data: str) -> bytes:
    head = "".join(f"@attribute c{i} numeric\n" for i in range(columns))
    return f"@relation r\n{head}@data\n{data}".encode()


def distinct(rows: int) -> bytes:
    return b"c0,c1\n" + b"".join(b"word-%d,%d\n" % (i, i % 2) for i in range(rows))


#: Tables that are larger than what is read, most of them in few bytes.
BEYOND: dict[str, Make] = {
    "parquet, 100 million rows of one number": lambda: repeated(1, 100_000_000),
    "parquet, 30 million cells": lambda: repeated(1, 1_000_000, 30),
    "parquet, 1 MB of text a million times": lambda: repeated("x" * 2**20, 1_000_000),
    "parquet, 100 KB of text 100,000 times, 8 columns": lambda: repeated("x" * 100_000, 100_000, 8),
    "parquet, binary 1 MB 500,000 times": lambda: repeated(b"x" * 2**20, 500_000),
    "parquet, 20,000 columns": wide_parquet,
    "csv, a row of two million columns": lambda: csv_of(2_000_000, 2),
    "csv, a row of two million tabs": lambda: b"\t" * 2_000_000 + b"\n1\n",
    "csv, a row of two million semicolons": lambda: b"a" + b";" * 2_000_000 + b"\n1;2\n" * 30,
    "csv, 5,000 columns of 500 rows": lambda: csv_of(5_000, 500),
    "csv, 10 million rows": lambda: b"c0,c1\n" + b"1,2\n" * 10_000_000,
    "csv, 25 million empty cells": lambda: csv_of(2_500, 10_000, ""),
    "gzip, 1 GB of zeros": lambda: zeros_compressed(2**30),
    "gzip, 10 million rows": lambda: gzipped(b"c0,c1\n" + b"1,2\n" * 10_000_000),
    "gzip, 70 MB of one line": lambda: gzipped(b"1," * 35_000_000),
    "arff, 100,000 attributes": lambda: arff_of(100_000, "1," * 99_999 + "1\n"),
    "arff, sparse rows of 50,000 attributes": lambda: arff_of(50_000, "{0 1}\n" * 20_000),
}  # fmt: skip

#: Files that are no tables.
DAMAGED: dict[str, Make] = {
    "nothing": lambda: b"",
    "blanks": lambda: b" \n\t\n" * 100_000,
    "zeros": lambda: bytes(1_000_000),
    "random bytes": lambda: random.Random(1).randbytes(1_000_000),
    "parquet, magic alone": lambda: b"PAR1",
    "parquet, magic twice": lambda: b"PAR1PAR1",
    "parquet, a footer of 4 GB": lambda: footer(2**32 - 1),
    "parquet, a footer of 2 GB": lambda: footer(2**31 - 1),
    "parquet, an empty footer": lambda: footer(0),
    "parquet, cut off": lambda: repeated(1, 1000)[:-100],
    "parquet, no columns": lambda: parquet_of(pa.table({})),
    "parquet, no rows": lambda: parquet_of(pa.table({"c0": [], "c1": []})),
    **{f"parquet, damaged metadata {i}": lambda i=i: damaged(i, head=False) for i in range(6)},
    "zip": lambda: b"PK\x03\x04" + bytes(1000),
    "excel 97": lambda: b"\xd0\xcf\x11\xe0" + bytes(1000),
    "gzip, cut off": lambda: gzipped(b"c0,c1\n" + b"1,2\n" * 1000)[:-20],
    "gzip, damaged": lambda: b"\x1f\x8b" + random.Random(2).randbytes(1000),
    "gzip of gzip of gzip": lambda: gzipped(b"c0,c1\n" + b"1,2\n" * 100_000, 3),
    "gzip of parquet of 100 million rows": lambda: gzipped(repeated(1, 100_000_000)),
    "csv, an open quote": lambda: b'c0,c1\n"' + b"1,2\n" * 1_000_000,
    "csv, quotes alone": lambda: b'"' * 3_000_000,
    "csv, one cell of 20 MB": lambda: b"c0,c1\n" + b"x" * 20_000_000 + b",1\n",
    "csv, one line of 20 MB": lambda: b"x" * 20_000_000,
    "csv, a header alone": lambda: csv_of(200, 0),
    "csv, the same name twice": lambda: b"c0,c0\n" + b"1,2\n" * 50,
    "csv, ragged rows": lambda: b"c0,c1\n" + b"1\n1,2,3,4\n" * 50_000,
    "utf-16, cut in a character": lambda: csv_of(2, 50_000).decode().encode("utf-16")[:-1] + b"X",
    "arff, no data": lambda: b"@relation r\n@attribute c0 numeric\n",
    "arff, a sparse index of a billion": lambda: (
        b"@relation r\n@attribute c0 numeric\n@attribute c1 numeric\n@data\n"
        + b"{0 1, 999999999 1}\n" * 30
    ),
    "html": lambda: b"<html><body>" + b"<p>not here</p>" * 10_000,
    "json": lambda: b"[" * 100_000,
}  # fmt: skip

#: Tables that can be read or refused, but must not take long.
ODD: dict[str, Make] = {
    "parquet, lists in lists in lists": lambda: nested(40),
    "parquet, lists of 10,000 numbers": many_lists,
    **{f"parquet, damaged data {i}": lambda i=i: damaged(i, head=True) for i in range(4)},
    "csv, a million different words": lambda: distinct(1_000_000),
    "csv, numbers of 3,000 digits": lambda: csv_of(4, 2_000, "1" * 3_000),
    "csv, dates that are none": lambda: csv_of(6, 60_000, "31.02.2020 25:61"),
    "csv, marks of thousands without end": lambda: csv_of(3, 5_000, "1.000" * 300, ";"),
    "csv, exponents": lambda: csv_of(4, 50_000, "1e308"),
    "csv, quotes within quotes": lambda: csv_of(3, 50_000, '"' + '""' * 50 + '"'),
    "csv, formulas and markup": lambda: csv_of(3, 1000, "=cmd|'/c calc'!A0<script>x()</script>"),
    "csv, 2,900 columns": lambda: csv_of(2_900, 25),
    "csv, blanks as separators": lambda: csv_of(300, 5_000, "1", " "),
    "csv, old line ends": lambda: csv_of(5, 100_000).replace(b"\n", b"\r"),
    "csv, comments without end": lambda: b"# no\n" * 1_000_000 + csv_of(2, 50),
}  # fmt: skip
