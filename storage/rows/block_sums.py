"""BlockSums as bytes and back: float32 sums with a common exponent, and numbers of rows.

The sums of a run were rounded to float32 when they were made (see `search.study.block_sums`), so
nothing is lost.
"""

from __future__ import annotations

import struct

import numpy as np

from search.errors import Conflict
from search.study import BlockSums, to_float32

#: Version of the format that is written, the first byte.
FORMAT = 1
#: Version, binary exponent of the sums, number of blocks.
_HEADER = struct.Struct("<BiI")


def pack_block_sums(blocks: BlockSums | None) -> bytes | None:
    """Return the bytes of `blocks`; None for None."""
    if blocks is None:
        return None
    sums, exponent = to_float32(np.asarray(blocks.sums, dtype=np.float64))
    rows = np.asarray(blocks.rows, dtype="<u4")
    return _HEADER.pack(FORMAT, exponent, len(rows)) + sums.astype("<f4").tobytes() + rows.tobytes()


def unpack_block_sums(content: bytes | None) -> BlockSums | None:
    """Return the value of bytes by `pack_block_sums`; None for None.

    Conflict for a format that a newer version wrote.
    """
    if content is None:
        return None
    if content[0] != FORMAT:
        raise Conflict(
            f"contributions of rows are recorded in format {content[0]}, but this version reads "
            f"formats up to {FORMAT}; start the version that wrote the database"
        )
    _, exponent, count = _HEADER.unpack_from(content)
    start = _HEADER.size
    sums = np.frombuffer(content, "<f4", count, start).astype(np.float64)
    rows = np.frombuffer(content, "<u4", count, start + 4 * count)
    return BlockSums(sums=tuple(np.ldexp(sums, exponent).tolist()), rows=tuple(rows.tolist()))
