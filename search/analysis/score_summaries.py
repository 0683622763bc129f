"""Scores of arms and networks over the resamples of a confirmation, with their intervals."""

from __future__ import annotations

from math import isfinite

import numpy as np

from search.analysis.confirmation_table import Arm, ConfirmationTable, Floats, Network
from search.analysis.error_model import Difference
from search.analysis.finite import finite
from search.analysis.looks import Review
from search.study.results import ScoreSummary

#: Level of all intervals.
LEVEL = 0.95


def arm_summary(arm: Arm, found: Review) -> ScoreSummary:
    """Return the scores of an arm, with the interval that counts its searches."""
    table = found.comparisons.table
    # Of a resample the mean over the champions that were trained on it.
    by_network = np.array([network.scores for network in arm.networks])
    known = by_network[:, np.isfinite(by_network).all(axis=0)].mean(axis=0)
    return _summary(known, by_network, arm.mean, found.comparisons.model.mean(arm), table)


def network_summary(network: Network, table: ConfirmationTable) -> ScoreSummary:
    """Return the scores of one network, without an interval."""
    known = network.scores[np.isfinite(network.scores)]
    return _summary(known, known, network.mean(), None, table)


def _summary(
    scores: Floats,
    single: Floats,
    mean: float,
    error: Difference | None,
    table: ConfirmationTable,
) -> ScoreSummary:
    """Summarize `scores` `(n,)` of resamples; `worst` is that of the `single` runs."""
    low, high = interval_ends(error, table.unit, table.limits)
    return ScoreSummary(
        n=len(scores),
        mean=finite(table.unit * mean),
        sd=finite(abs(table.unit) * float(scores.std(ddof=1))) if len(scores) > 1 else None,
        worst=finite(table.unit * float(np.nanmin(single))) if np.isfinite(single).any() else None,
        ci_low=low,
        ci_high=high,
    )


def interval_ends(
    difference: Difference | None, unit: float, limits: tuple[float, float] | None = None
) -> tuple[float | None, float | None]:
    """Return the ends of the interval times `unit`, the lower first; None where not finite."""
    if difference is None or not isfinite(difference.error):
        return None, None
    ends = difference.interval(LEVEL)
    if limits is not None:
        ends = within(ends[0], limits), within(ends[1], limits)
    low, high = sorted(unit * end for end in ends)
    return finite(low), finite(high)


def within(value: float, limits: tuple[float, float]) -> float:
    """Cut an interval's end off where no score can be: the coverage stays the same."""
    return min(max(value, limits[0]), limits[1])
