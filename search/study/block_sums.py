"""Contributions of rows to a score, summed over blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSums:
    """Contributions of rows to the first objective, summed over blocks of rows.

    For a metric that is a mean over rows, the contribution of a row is its own loss or hit. For any
    other it is the score plus the influence of the row on it (infinitesimal jackknife). Either way
    the contributions of the scored rows average to the score. Blocks are the same for every run of
    a study; copies and the rows of one group stand in one block.
    """

    #: One a block, in the units and the direction of the metric.
    sums: tuple[float, ...]
    #: Rows of each block that were scored.
    rows: tuple[int, ...]


def to_float32(values: NDArray[np.float64]) -> tuple[NDArray[np.float32], int]:
    """Return `values` as float32 times two to a common exponent, so that none over- or underflows.

    Values that went through it are exactly what they were after going through it again.
    """
    largest = float(np.abs(values).max(initial=0.0))
    exponent = int(np.frexp(largest)[1]) if largest else 0
    return np.ldexp(values, -exponent).astype(np.float32), exponent
