"""A value in a file whose arrays are mapped into memory, not read.

Processes that map the same file share its pages, however many they are. The layout: the lengths of
the parts as int64, preceded by their number; the pickle (protocol 5); the buffers of its arrays.
Every part begins at a multiple of 64 bytes.
"""

from __future__ import annotations

import mmap
import pickle
from itertools import accumulate
from pathlib import Path
from struct import calcsize, pack, unpack_from

#: A cache line: compiled code reads arrays that begin at one as quickly as those of NumPy itself.
_ALIGNMENT = 64


def write_mapped(path: Path, value: object) -> None:
    """Write `value` to `path`; its arrays must be contiguous."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts: list[bytes | memoryview] = [head, *(buffer.raw() for buffer in buffers)]
    table = pack(f"<{len(parts) + 1}q", len(parts), *map(len, parts))
    with path.open("wb") as file:
        for part in (table, *parts):
            file.write(part)
            file.write(bytes(-len(part) % _ALIGNMENT))


def read_mapped(path: Path) -> object:
    """Return the value that `write_mapped` wrote to `path`, which must be of this user's making.

    Its arrays can be written to; what is written stays in this process.
    """
    with path.open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    (count,) = unpack_from("<q", whole)
    lengths = (calcsize(f"<{count + 1}q"), *unpack_from(f"<{count}q", whole, 8))
    ends = accumulate(length + -length % _ALIGNMENT for length in lengths)
    starts = (0, *ends)
    _, head, *buffers = (
        whole[start : start + length] for start, length in zip(starts, lengths, strict=False)
    )
    value: object = pickle.loads(head, buffers=buffers)  # noqa: S301 - see above # nosec B301
    return value
