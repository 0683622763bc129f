"""The region of practical equivalence, and how large the loss of a score is.

Two scores that differ by less than the region are alike in practice (Benavoli et al. 2017, Time for
a Change: a Tutorial for Comparing Multiple Classifiers Through Bayesian Analysis). The rule depends
on the kind of metric, a row of `_RULES` each, so that a region means the same for every data set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

from search.metrics import Direction, Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRule:
    """How a region is made of the number that `evaluation.region` gives."""

    #: The number where a study gives none.
    default: float
    #: (number, the baseline's loss) -> the region in the units of the metric.
    region: Callable[[float, float], float]
    #: The rule in words, with one place for the number.
    words: str


_LOSS_RULE = RegionRule(
    default=0.05,
    region=lambda share, loss: share * loss,
    words="{share:.3g} % of the baseline's loss",
)
_POINT_RULE = RegionRule(
    default=0.005,
    region=lambda points, loss: points,
    words="{share:.3g} points",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The greatest difference that is held to have no practical meaning."""

    #: In the units of the metric, greater than 0; 0 where the baseline has no loss at all.
    size: float
    #: The rule, in words such as "5 % of the baseline's loss".
    rule: str


def region_of(metric: Metric, baseline: float, asked: float | None = None) -> Region:
    """Return the region of `metric`, whose value for the baseline is `baseline`.

    `asked` is `evaluation.region`: a share of the baseline's loss, or a difference of a metric that
    is itself a share, 0.005 being half a point; None for the default of the metric.
    """
    rule = _POINT_RULE if is_share(metric) else _LOSS_RULE
    number = rule.default if asked is None else asked
    return Region(
        size=rule.region(number, loss_of(metric, baseline)),
        rule=rule.words.format(share=100.0 * number),
    )


def is_share(metric: Metric) -> bool:
    """Return whether the metric lies between 0 and 1, so that people think of it in points."""
    return metric.limits == (0.0, 1.0)


def loss_of(metric: Metric, score: float) -> float:
    """Return how much `score` is away from a perfect one: a loss itself, or 1 minus a share."""
    perfect = metric.limits[1] if metric.direction is Direction.MAXIMIZE else metric.limits[0]
    return abs(score - perfect) if isfinite(perfect) and perfect != inf else abs(score)
