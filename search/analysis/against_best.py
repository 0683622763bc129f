"""Every arm against the best: which are shown to be worse, by one-sided tests taken step-down.

The best arm is only known from the scores. An arm is worse where the best of them beats it by more
than chance would make any of the others beat it, were it the best itself: with m arms there are
m - 1 of those, so its p-value counts m - 1 times (Gupta 1965; Hsu 1996, Multiple Comparisons:
Theory and Methods). Arms are decided in the order of their p-values, each counting as many times as
there are others left (Holm 1979). The chance that an arm which is truly the best is called worse is
then at most alpha; so is, of two arms that are alike, that of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.analysis.confirmation_table import ConfirmationTable
from search.analysis.error_model import Difference, ErrorModel, error_model
from search.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparisons:
    """The arms of one table, each compared with the best."""

    table: ConfirmationTable
    model: ErrorModel
    #: Name of an arm -> the best arm minus it; for all but the best.
    to_best: Mapping[str, Difference]
    #: Name of an arm -> its one-sided p-value, adjusted for the number of arms.
    adjusted: Mapping[str, float]


def compare(table: ConfirmationTable, metric: Metric) -> Comparisons:
    """Compare the arms of `table` with the best of them."""
    model = error_model(table, metric)
    to_best = {
        arm.name: model.difference(table.arms[0], arm)
        for arm in table.arms[1:]
        if (table.arms[0].done & arm.done).any()
    }
    p_values = [difference.p_one_sided for difference in to_best.values()]
    return Comparisons(
        table=table,
        model=model,
        to_best=to_best,
        adjusted=dict(zip(to_best, holm(p_values), strict=True)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values step-down: the least counts as often as there are, the greatest once."""
    adjusted = [1.0] * len(p_values)
    greatest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        greatest = max(greatest, p_values[index] * (len(p_values) - step))
        adjusted[index] = min(1.0, greatest)
    return adjusted
