"""The inner split of a fold's training rows: most to fit weights to, some to tell the best epoch.

The rows that score a fold must not choose among its epochs, so the choice has rows of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.datasets import Target

#: Share of the training rows that tell the best epoch.
INNER_FRACTION = 0.15


def inner_validation(y: Target, seed: int, groups: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """Return the indices of the training rows that tell the best epoch, sorted.

    `y` and `groups` are (N,), N at least 2. The choice is a systematic sample in the order of the
    target, random among equals (Cochran 1977, Sampling Techniques, 8.6): it gives each class, and
    each range of a number, its share, however few its rows are. Rows of one group stay together
    where there are two groups at least.
    """
    firsts, unit = np.arange(len(y)), np.arange(len(y))
    if groups is not None:
        _, by_group, group = np.unique(groups, return_index=True, return_inverse=True)
        firsts, unit = (by_group, group) if len(by_group) > 1 else (firsts, unit)
    draw = np.random.default_rng(seed)
    shuffled = draw.permutation(len(firsts))
    in_order = shuffled[np.argsort(y[firsts[shuffled]], kind="stable")]
    every = min(1.0 / INNER_FRACTION, float(len(firsts)))
    places = np.arange(draw.uniform(0.0, every), len(firsts), every).astype(np.int64)
    return np.flatnonzero(np.isin(unit, in_order[places]))
