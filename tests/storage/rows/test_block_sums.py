"""Contributions of rows survive being written, whatever their size."""

from __future__ import annotations

import numpy as np
import pytest

from search.data.row_blocks import block_sums
from search.errors import Conflict
from search.study import BlockSums
from storage.rows.block_sums import pack_block_sums, unpack_block_sums


@pytest.mark.parametrize("scale", [1.0, 1e-100, 1e-300, 1e200, 1e307, 0.0])
def test_sums_are_read_as_they_were_made(scale: float) -> None:
    rng = np.random.default_rng(0)
    made = block_sums(rng.normal(size=500) * scale, rng.integers(0, 40, 500).astype(np.int32), 41)
    assert made is not None
    assert unpack_block_sums(pack_block_sums(made)) == made


def test_nothing_stays_nothing() -> None:
    assert unpack_block_sums(pack_block_sums(None)) is None
    empty = BlockSums(sums=(), rows=())
    assert unpack_block_sums(pack_block_sums(empty)) == empty


def test_a_newer_format_is_refused_by_its_number() -> None:
    content = pack_block_sums(BlockSums(sums=(1.0,), rows=(1,)))
    assert content is not None
    with pytest.raises(Conflict, match="in format 2, but"):
        unpack_block_sums(b"\x02" + content[1:])
