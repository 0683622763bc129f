"""The probability of each arm to be the best of all, by the error model of the differences."""

from __future__ import annotations

from math import sqrt

import numpy as np

from search.analysis.confirmation_table import ConfirmationTable, Floats
from search.analysis.error_model import ErrorModel, block_influence

_DRAWS = 20_000


def probability_best(table: ConfirmationTable, model: ErrorModel, *, seed: int = 0) -> Floats:
    """Return `(A,)` probabilities of the arms of `table`, which sum to 1; exact ties share.

    Means are drawn under a flat prior: the rows' part for all arms at once, since they were scored
    on the same rows; the searches' and the splits' part for each arm by itself. The latter has the
    spread of the typical arm for all, so that no arm is likelier to be the best because less is
    known of it.
    """
    arms = table.arms
    if not arms:
        return np.empty(0)
    rng = np.random.default_rng(seed)
    means = np.array([arm.mean for arm in arms])
    influence = np.column_stack([block_influence(arm) for arm in arms])  # (B, A)
    blocks = max(2, int(np.count_nonzero(np.abs(influence).max(axis=1) > 0.0)))
    rows = rng.standard_normal((_DRAWS, len(influence))) @ influence
    rows *= sqrt(blocks / (blocks - 1.0))
    parts = [model.own_part(arm) for arm in arms]
    spread = sqrt(float(np.mean([part.variance for part in parts])))
    df = float(np.median([part.df for part in parts]))
    width = np.sqrt(df / rng.chisquare(df, size=(_DRAWS, 1))) if np.isfinite(df) else 1.0
    drawn = means + rows + spread * width * rng.standard_normal((_DRAWS, len(arms)))
    # Equal columns differ by rounding of the product; that is no difference.
    top = drawn >= drawn.max(axis=1, keepdims=True) - 1e-12 * np.abs(drawn).max()
    shares: Floats = (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares
