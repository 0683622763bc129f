"""Blocks of rows: the units over which contributions to a score are summed and recorded.

A run has a contribution for every row that it was scored on. Recorded by row, a study of many rows
would take gigabytes; sums over a few hundred blocks tell the variance of a mean as well. Rows that
are not independent, copies and the rows of one group, stand in one block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.study import BlockSums, to_float32

#: Most blocks of a set of rows: the standard error of a standard error is then 3.5 % of it.
MOST_BLOCKS = 400

Blocks = NDArray[np.int32]


def row_blocks(rows: NDArray[np.int64], groups: NDArray[np.int64] | None, seed: int) -> Blocks:
    """Return the block of each of `rows`, numbers of rows of a dataset: 0 to MOST_BLOCKS - 1.

    Each row, or each group, is a block of its own where there are few; else they are dealt out at
    random, as evenly as they come.
    """
    units = np.arange(len(rows)) if groups is None else np.unique(groups[rows], False, True)[1]
    count = int(units.max(initial=-1)) + 1
    if count > MOST_BLOCKS:
        dealt = np.random.default_rng(seed).permutation(count) % MOST_BLOCKS
        units = dealt[units]
    return units.astype(np.int32)


def block_sums(contributions: NDArray[np.float64], blocks: Blocks, count: int) -> BlockSums | None:
    """Sum `contributions` `(N,)` of rows over their `blocks` `(N,)`, of which there are `count`.

    None where a contribution is not finite. Sums are rounded to the digits that are recorded (see
    `to_float32`), so that a verdict is the same before and after.
    """
    if not np.isfinite(contributions).all():
        return None
    totals = np.bincount(blocks, contributions, count).astype(np.float64)
    sums, exponent = to_float32(totals)
    return BlockSums(
        sums=tuple(np.ldexp(sums.astype(np.float64), exponent).tolist()),
        rows=tuple(np.bincount(blocks, minlength=count).tolist()),
    )


def sum_blocks(parts: Sequence[BlockSums | None]) -> BlockSums | None:
    """Return the sums of several runs together; None where any has none, or there are no runs."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return BlockSums(
        sums=tuple(np.sum([part.sums for part in known], axis=0).tolist()),
        rows=tuple(np.sum([part.rows for part in known], axis=0).tolist()),
    )


def mean_blocks(parts: Sequence[BlockSums]) -> BlockSums | None:
    """Return the mean of several runs on the same rows; None where there are none."""
    if not parts:
        return None
    return BlockSums(
        sums=tuple(np.mean([part.sums for part in parts], axis=0).tolist()), rows=parts[0].rows
    )
