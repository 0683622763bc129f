"""Long tails: the numeric columns that the standard scaling cuts off, and those it keeps whole."""

from __future__ import annotations

import numpy as np
import pandas as pd

from search.data.scaling import ALMOST_CONSTANT, CLIP

#: Columns that a note names.
_NAMED = 3


def notes_on_tails(features: pd.DataFrame) -> list[str]:
    """Return a note on the columns that are cut off, and one on those that have a long tail.

    Judged on all rows, while scalings are fitted on training rows only.
    """
    cut: dict[str, float] = {}
    long: dict[str, float] = {}
    for name in map(str, features.select_dtypes("number").columns):
        values = features[name].to_numpy(np.float64)
        known = values[~np.isnan(values)]
        spread = float(np.std(known)) if len(known) else 0.0
        if spread == 0:
            continue
        furthest = float(np.abs(known - known.mean()).max()) / spread
        if furthest > CLIP:
            # A value that more than half of the rows hold is the median.
            common = (values == np.median(known)).mean()
            (cut if common >= ALMOST_CONSTANT else long)[name] = furthest
    notes = []
    if cut:
        notes.append(
            f"{_listed(cut)} hold one value in almost all rows; by scaling 'standard' their rare "
            f"values are cut off at {CLIP:g} standard deviations (the furthest lies at "
            f"{max(cut.values()):.0f})"
        )
    if long:
        notes.append(
            f"{_listed(long)} have a long tail, up to {max(long.values()):.0f} standard deviations "
            f"from the mean, and are kept whole; scaling 'quantile' or 'robust' would tame it"
        )
    return notes


def _listed(columns: dict[str, float]) -> str:
    names = ", ".join(f"'{name}'" for name in list(columns)[:_NAMED])
    more = len(columns) - _NAMED
    return f"columns {names}" + (f" and {more} more" if more > 0 else "")
