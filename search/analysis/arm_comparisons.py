"""The rows of a verdict: each arm against the best, and what could have been shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import sqrt

from search.analysis.confirmation_table import Arm
from search.analysis.error_model import Difference
from search.analysis.finite import finite
from search.analysis.looks import Review
from search.analysis.power import Needs
from search.analysis.probability_best import probability_best
from search.analysis.score_summaries import arm_summary, interval_ends
from search.study.results import ArmComparison

#: An arm with a smaller share of the trials of the arm that had most was tuned less.
_EQUAL_SHARE = 0.8


def tuned_less(tuned: Mapping[str, int]) -> frozenset[str]:
    """Return the arms that had so many fewer trials than others that none calls them worse."""
    most = max(tuned.values(), default=0)
    return frozenset(name for name, trials in tuned.items() if trials < _EQUAL_SHARE * most)


def arm_comparisons(
    found: Review,
    needs: Mapping[str, Needs],
    unequal: frozenset[str],
    tuned: Mapping[str, int],
) -> tuple[ArmComparison, ...]:
    """Return a row an arm, the best first.

    `needs` are those of all arms but the best, `unequal` the arms that were tuned less, `tuned` the
    trials of each arm.
    """
    table, model = found.comparisons.table, found.comparisons.model
    if not table.arms:
        return ()
    chances = probability_best(table, model)
    return tuple(
        _comparison(arm, found, needs.get(arm.name), unequal, tuned, float(chance))
        for arm, chance in zip(table.arms, chances, strict=True)
    )


def _comparison(
    arm: Arm,
    found: Review,
    need: Needs | None,
    unequal: frozenset[str],
    tuned: Mapping[str, int],
    chance: float,
) -> ArmComparison:
    table, model = found.comparisons.table, found.comparisons.model
    is_best = arm is table.arms[0]
    difference = found.comparisons.to_best.get(arm.name)
    # The best is compared with the next, seen from its own side.
    second = found.comparisons.to_best.get(table.arms[1].name) if len(table.arms) > 1 else None
    beside = second if is_best else difference
    size = found.region.size / abs(table.unit)
    worse = arm.name in found.worse and arm.name not in unequal
    low, high = interval_ends(difference, -table.unit)
    runs = sum(network.runs for network in arm.networks)
    seconds = sum(network.fit_seconds for network in arm.networks)
    own = model.mean(arm).searches[0].variance
    return ArmComparison(
        **asdict(arm_summary(arm, found)),
        arm=arm.name,
        activation=arm.best.activation,
        trials=tuple(network.trial for network in arm.networks),
        searches=len(arm.networks),
        repeats=int(arm.done.sum()),
        failures=sum(network.failures for network in arm.networks),
        tuned=tuned.get(arm.name, 0),
        unequal_tuning=arm.name in unequal,
        difference=0.0 if difference is None else finite(-table.unit * difference.estimate),
        difference_low=low,
        difference_high=high,
        p_value=difference.p_one_sided if difference else None,
        p_adjusted=found.adjusted.get(arm.name),
        worse=worse,
        equivalent=arm.name in found.equivalent,
        tied=not worse,
        probability_better=_better(beside, is_best=is_best),
        probability_equivalent=beside.probability_within(size) if beside else None,
        probability_best=chance,
        detectable=finite(need.detectable * abs(table.unit)) if need else None,
        repeats_needed=need.repeats if need and arm.name in found.open else None,
        searches_needed=need.searches if need and arm.name in found.open else None,
        rows_needed=need.rows if need and arm.name in found.open else None,
        search_sd=finite(abs(table.unit) * sqrt(own)),
        fit_seconds=finite(seconds / runs) if runs else None,
    )


def _better(difference: Difference | None, *, is_best: bool) -> float | None:
    if difference is None:
        return None
    return 1.0 - difference.p_one_sided if is_best else difference.p_one_sided
