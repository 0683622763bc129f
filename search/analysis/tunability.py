"""How much tuning an activation needs: a robust second beats a brittle first.

Pure functions of one activation's trials. Values are those of the first objective, "better" follows
its sign: 1 where less is better, -1 where more is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, floor, inf, isfinite, log10
from statistics import median

from optuna.trial import TrialState

from search.study import TrialRecord

#: Numbers of trials for which the expected best is computed.
EXPECTED_AFTER = (5, 10, 20)
#: Learning rates are grouped by half decades.
_CELLS_PER_DECADE = 2


def reached_values(trials: Sequence[TrialRecord], sign: float) -> list[float]:
    """Return the value that each ended trial reached, in no particular order.

    A pruned trial reached its last intermediate value; a failed one, or one without a finite value,
    counts with the worst value of the others. Empty where no trial reached a value.
    """
    known: list[float] = []
    lost = 0
    for trial in trials:
        if not trial.state.is_finished():
            continue
        value = _value(trial)
        if value is None:
            lost += 1
        else:
            known.append(value)
    worst = [max(known, key=lambda value: sign * value)] if known else []
    return known + worst * lost


def expected_best(values: Sequence[float], count: int, sign: float) -> float | None:
    """Return the best value to expect of `count` trials, drawn at random from those tried.

    It is the mean of the best over all subsets of that size, without replacement: the estimator of
    Dodge et al. (2019), Show Your Work, in the unbiased form of Tang et al. (2020). None where
    fewer were tried. A sampler that learns finds its best values late, so its first `count` trials
    are usually somewhat worse than this.
    """
    if count < 1 or len(values) < count:
        return None
    ranked = sorted(values, key=lambda value: sign * value)  # the best first
    subsets = comb(len(ranked), count)
    return sum(
        value * (comb(len(ranked) - 1 - place, count - 1) / subsets)
        for place, value in enumerate(ranked)
    )


def learning_rate_spread(trials: Sequence[TrialRecord], sign: float) -> float | None:
    """Return the cost of a learning rate that is off, in units of the objective; never negative.

    The trials are grouped by half decades of their learning rate; the cost is the median, over the
    groups, of the distance of the group's best value from the best of all. None with fewer than two
    groups.
    """
    best: dict[int, float] = {}
    for trial in trials:
        rate, value = trial.params.get("learning_rate"), _value(trial)
        if not isinstance(rate, float | int) or not 0.0 < rate < inf or value is None:
            continue
        cell = floor(_CELLS_PER_DECADE * log10(rate))
        best[cell] = min(best.get(cell, value), value, key=lambda value: sign * value)
    if len(best) < 2:
        return None
    costs = [sign * value for value in best.values()]
    return median(costs) - min(costs)


def _value(trial: TrialRecord) -> float | None:
    if trial.state is TrialState.COMPLETE and trial.values:
        value = trial.values[0]
    elif trial.state is TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    else:
        return None
    return value if isfinite(value) else None
