"""How much each axis of the space matters: its share of the variance of comparable scores.

The share of an axis is epsilon squared, the share of the variance of ranks that its values explain
beyond what chance would (Kelley 1935; Tomczak & Tomczak 2014, The Need to Report Effect Size
Estimates Revisited): the size of effect of the Kruskal-Wallis test. Ranks, since the loss of a
network that explodes can be 1e6 times the usual one; it counts as the worst, and is not clipped
away. Only trials that were drawn at random and never pruned count (`comparable_trials`), so shares
of axes that are drawn independently add up to what all of them explain, and pure noise explains
about 0, not 1. The values of a range are put into a few groups of equally many trials.

Optuna's evaluators take all complete trials, which pruning has selected and the sampler has drawn
near the best, and their shares add up to 1 whatever is explained: on digits the default one (PED-
ANOVA, which axes decide whether a trial is among the best) gives the activation next to nothing
where random trials say a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution
from scipy.special import chdtrc

from search.analysis.comparable_trials import Floats, comparable_trials
from search.study import TrialRecord

#: Of fewer comparable trials nothing is said.
LEAST_TRIALS = 20
#: Groups of the values of a range that has more values.
_GROUPS = 4
#: Draws of the bootstrap over trials.
_DRAWS = 500
#: Accepted probability that any axis is said to matter where none does.
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """The shares of all searched axes, and how far they can be trusted."""

    #: Axis -> share of the variance of ranks, the greatest first; empty where too little is known.
    shares: Mapping[str, float] = field(default_factory=dict)
    #: Axis -> ends of the 95 % interval of its share.
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    #: Share that all axes explain together, each by itself; None where too little is known.
    explained: float | None = None
    #: Comparable trials.
    trials: int = 0
    #: A sentence on what the shares mean.
    note: str = ""
    #: Whether any axis is shown to matter: the shares are worth a sentence.
    is_enough: bool = False


def importances(trials: Sequence[TrialRecord], sign: float, *, seed: int = 0) -> Importances:
    """Return the importances of the axes that all comparable ones of `trials` have.

    `sign` is 1 where less is better, -1 where more is. Takes some milliseconds an axis.
    """
    found = comparable_trials(trials, sign)
    count = len(found.trials)
    if count < LEAST_TRIALS or np.ptp(found.ranks) == 0.0:
        return Importances(
            trials=count,
            note=f"too little to say which axes matter: {count} trials can be compared (drawn at "
            f"random, never pruned), {LEAST_TRIALS} with different scores are the least",
        )
    groups = {name: _groups(name, found.trials) for name in _axes(found.trials)}
    groups = {name: own for name, own in groups.items() if len(np.unique(own)) > 1}
    shares = {name: _share(found.ranks, own) for name, own in groups.items()}
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, count, (_DRAWS, count))
    intervals = {
        name: _interval(found.ranks, own, shares[name], draws) for name, own in groups.items()
    }
    p_values = [_p_value(found.ranks, own) for own in groups.values()]
    is_enough = min(p_values, default=1.0) * max(1, len(p_values)) < _ALPHA
    ranked = sorted(shares, key=lambda name: -shares[name])
    explained = min(1.0, sum(shares.values()))
    return Importances(
        shares={name: shares[name] for name in ranked},
        intervals={name: intervals[name] for name in ranked},
        explained=explained,
        trials=count,
        note=_note(count, explained, is_enough),
        is_enough=is_enough,
    )


def _note(count: int, explained: float, is_enough: bool) -> str:
    if not is_enough:
        return (
            f"too little to say which axes matter: over the {count} trials that can be compared no "
            "axis explains more than chance would"
        )
    return (
        f"shares of the variance of ranks of {count} trials that were drawn at random and never "
        f"pruned; the axes by themselves explain {100 * explained:.0f} % of it, the rest is how "
        "they act together, and chance"
    )


def _axes(trials: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Return the searched axes that exist in every trial."""
    return tuple(sorted(set.intersection(*(set(trial.distributions) for trial in trials))))


def _groups(name: str, trials: Sequence[TrialRecord]) -> NDArray[np.int_]:
    """Return the group of each trial by its value of an axis."""
    distribution = trials[0].distributions[name]
    numbers = np.array([t.distributions[name].to_internal_repr(t.params[name]) for t in trials])
    distinct = np.unique(numbers)
    if isinstance(distribution, CategoricalDistribution) or len(distinct) <= _GROUPS:
        return np.searchsorted(distinct, numbers)
    cuts = np.unique(np.quantile(numbers, np.linspace(0.0, 1.0, _GROUPS + 1)[1:-1]))
    return np.searchsorted(cuts, numbers, side="left")


def _statistic(ranks: Floats, groups: NDArray[np.int_]) -> tuple[float, int]:
    """Return the Kruskal-Wallis statistic, corrected for ties, and the number of groups."""
    counts = np.bincount(groups)
    sums = np.bincount(groups, ranks)
    used = counts > 0
    spread = float(np.var(ranks, ddof=1))
    between = float((counts[used] * np.square(sums[used] / counts[used] - ranks.mean())).sum())
    return (between / spread if spread > 0.0 else 0.0), int(used.sum())


def _share(ranks: Floats, groups: NDArray[np.int_]) -> float:
    """Return the share of variance beyond that of chance, never negative."""
    statistic, count = _statistic(ranks, groups)
    spare = len(ranks) - count
    return max(0.0, (statistic - count + 1.0) / spare) if spare > 0 else 0.0


def _p_value(ranks: Floats, groups: NDArray[np.int_]) -> float:
    statistic, count = _statistic(ranks, groups)
    return float(chdtrc(count - 1.0, statistic)) if count > 1 else 1.0


def _interval(
    ranks: Floats, groups: NDArray[np.int_], share: float, draws: NDArray[np.int_]
) -> tuple[float, float]:
    """Return the bootstrap's interval over trials, about the share itself.

    A trial that is drawn twice explains itself, so the bootstrap's own mean is too high.
    """
    drawn = np.array([_share(ranks[own], groups[own]) for own in draws])
    low, high = share + np.quantile(drawn - drawn.mean(), [0.025, 0.975])
    return float(np.clip(low, 0.0, 1.0)), float(np.clip(high, 0.0, 1.0))
