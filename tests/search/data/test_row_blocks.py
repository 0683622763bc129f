"""Blocks of rows: rows or groups of their own, or many dealt out evenly, and sums over them."""

from __future__ import annotations

import numpy as np
import pytest

from search.data.row_blocks import MOST_BLOCKS, block_sums, mean_blocks, row_blocks, sum_blocks
from search.study import BlockSums
from search.study.block_sums import to_float32


def test_few_rows_are_a_block_each() -> None:
    rows = np.array([3, 5, 8, 13])
    assert row_blocks(rows, None, seed=0).tolist() == [0, 1, 2, 3]


def test_the_rows_of_a_group_stand_in_one_block() -> None:
    groups = np.array([7, 7, 4, 4, 7, 9])
    blocks = row_blocks(np.array([0, 1, 2, 4, 5]), groups, seed=0)
    assert blocks[0] == blocks[1] == blocks[3]
    assert len({blocks[0], blocks[2], blocks[4]}) == 3


def test_many_groups_are_dealt_out_evenly_and_stay_whole() -> None:
    groups = np.repeat(np.arange(1000), 3)
    blocks = row_blocks(np.arange(3000), groups, seed=1)
    assert blocks.max() == MOST_BLOCKS - 1
    sizes = np.bincount(blocks, minlength=MOST_BLOCKS)
    assert set(sizes.tolist()) == {6, 9}
    assert all(len(set(blocks[groups == group].tolist())) == 1 for group in range(0, 1000, 97))
    assert (row_blocks(np.arange(3000), groups, seed=1) == blocks).all()
    assert (row_blocks(np.arange(3000), groups, seed=2) != blocks).any()


def test_sums_are_those_of_the_rows_of_a_block() -> None:
    found = block_sums(np.array([1.5, 2.0, 4.0]), np.array([0, 2, 0], dtype=np.int32), 4)
    assert found == BlockSums(sums=(5.5, 0.0, 2.0, 0.0), rows=(2, 0, 1, 0))


def test_contributions_that_are_not_finite_have_no_sums() -> None:
    assert block_sums(np.array([1.0, np.nan]), np.zeros(2, dtype=np.int32), 1) is None


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_sums_are_rounded_once(scale: float) -> None:
    values = scale * np.random.default_rng(0).normal(size=50)
    first, exponent = to_float32(values)
    rounded = np.ldexp(first.astype(np.float64), exponent)
    np.testing.assert_allclose(rounded, values, rtol=1e-6, atol=1e-7 * scale)
    again, shift = to_float32(rounded)
    assert (np.ldexp(again.astype(np.float64), shift) == rounded).all()


def test_runs_are_added_and_averaged() -> None:
    one = BlockSums(sums=(1.0, 2.0), rows=(1, 2))
    two = BlockSums(sums=(3.0, 6.0), rows=(1, 2))
    assert sum_blocks([one, two]) == BlockSums(sums=(4.0, 8.0), rows=(2, 4))
    assert mean_blocks([one, two]) == BlockSums(sums=(2.0, 4.0), rows=(1, 2))
    assert sum_blocks([one, None]) is None
    assert sum_blocks([]) is None
    assert mean_blocks([]) is None
