"""Who is as good as the best, who beats the baseline, and what more repeats would tell.

Two families of comparisons, each held to a chance of at most `alpha` for any wrong one among it:
every activation against the best, which only the scores made the best (`holm_all_pairs`), and every
activation against the baseline, which was named beforehand (`holm`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, inf

import numpy as np

from search.activations import ACTIVATIONS, ActivationName
from search.analysis.confirmation_scores import ActivationScore, ConfirmationScores, confirm
from search.analysis.paired_tests import (
    ALPHA,
    POWER,
    Floats,
    PairedTest,
    VarianceComponent,
    fewest_pairs,
    holm,
    holm_all_pairs,
    paired_test,
    pairs_needed,
    probability_best,
)
from search.metrics import Metric
from search.study import ConfirmationRun, ParamValue

#: More repeats than a study accepts are no advice.
MOST_REPEATS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """One paired comparison within a family."""

    #: First minus second, more is better; None where fewer than two pairs are known.
    test: PairedTest | None
    p_value: float
    p_adjusted: float
    #: The level at which this comparison is tested: the test's p is below it where the adjusted p
    #: is below alpha.
    alpha: float
    #: No difference can be greater.
    widest: float = inf

    @property
    def interval(self) -> tuple[float, float] | None:
        """Confidence interval of the difference; it leaves 0 out where the comparison decides.

        Except where there are too few pairs to decide anything (`fewest_pairs`).
        """
        if self.test is None:
            return None
        low, high = self.test.interval(self.alpha)
        return max(low, -self.widest), min(high, self.widest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparisons:
    """The comparisons of one confirmation, and what follows from them."""

    confirmed: ConfirmationScores
    alpha: float
    #: The best level minus each of the others, in the order of `confirmed.levels[1:]`.
    to_best: tuple[Comparison, ...]
    #: Each level minus the baseline, in the order of `confirmed.levels`; empty without a baseline.
    to_baseline: tuple[Comparison, ...]

    @property
    def tied(self) -> tuple[ActivationScore, ...]:
        """The best level and all that are not shown to be worse, the best first."""
        levels = self.confirmed.levels
        return levels[:1] + tuple(
            level
            for level, comparison in zip(levels[1:], self.to_best, strict=True)
            if comparison.p_adjusted >= self.alpha
        )

    @property
    def recommended(self) -> ActivationScore | None:
        """The simplest of the tied, of equally simple ones the better. None without any level.

        Only of those whose mean is within one standard error of the best (Breiman et al. 1984): an
        activation that explodes once in a while has such wide intervals that nothing can show it to
        be worse, yet nobody should be told to use it.
        """
        if not self.tied:
            return None
        best = self.tied[0]
        reach = best.mean - best.standard_error(self.confirmed.ratio)
        near = [level for level in self.tied if level is best or level.mean >= reach]
        return min(near, key=simplicity)

    def known_pairs(self) -> int:
        """Pairs of the comparison that has fewest; 0 where nothing is compared."""
        best, *others = [level.scores for level in self.confirmed.levels] or [np.empty(0)]
        return min((int(np.isfinite(best - other).sum()) for other in others), default=0)

    def enough_pairs(self) -> bool:
        """Whether the resamples at hand could name a single winner at all."""
        return self.known_pairs() >= self.least_pairs()

    def least_pairs(self) -> int:
        """Pairs without which no winner can be named, however large the differences."""
        return fewest_pairs(1, self.alpha)

    def repeats_possible(self) -> int | None:
        """Repeats beyond those at hand with which a winner could be named at all.

        None where more than MOST_REPEATS would be needed.
        """
        whole = -(-self.least_pairs() // max(1, self.confirmed.folds))
        return max(1, whole - self.confirmed.repeats) if whole <= MOST_REPEATS else None

    def probabilities(self) -> tuple[float, ...]:
        """Chance of each level to be the best, in the order of `confirmed.levels`.

        By the resamples that all of them have; even chances where those are fewer than two.
        """
        levels = self.confirmed.levels
        if not levels:
            return ()
        scores: Floats = np.column_stack([level.scores for level in levels])  # (n, A)
        scores = scores[np.isfinite(scores).all(axis=1)]
        if len(scores) < 2:
            return (1.0 / len(levels),) * len(levels)
        lucks = np.array([level.luck.variance if level.luck else 0.0 for level in levels])
        return tuple(float(p) for p in probability_best(scores, self.confirmed.ratio, lucks))

    def repeats_needed(self, comparison: Comparison) -> int | None:
        """Repeats beyond those at hand that would show a difference as large as observed.

        None where the difference is shown already, or MOST_REPEATS would not show it.
        """
        if comparison.p_adjusted < self.alpha:
            return None
        return self._more_repeats(comparison, comparison.alpha)

    def repeats_to_win(self) -> int | None:
        """Repeats beyond those at hand that would make the best the only one.

        For that each difference to it must be shown at level alpha, and all of them with
        probability POWER: the chances of missing one add up at most. None where it is the only
        one, or MOST_REPEATS would not show one of them.
        """
        unshown = [c for c in self.to_best if c.p_adjusted >= self.alpha]
        needed = [
            self._more_repeats(comparison, self.alpha, 1.0 - (1.0 - POWER) / len(unshown))
            for comparison in unshown
        ]
        known = [repeats for repeats in needed if repeats is not None]
        return max(known) if known and len(known) == len(needed) else None

    def _more_repeats(
        self, comparison: Comparison, alpha: float, power: float = POWER
    ) -> int | None:
        if comparison.test is None:
            return None
        folds = self.confirmed.folds
        pairs = pairs_needed(comparison.test, alpha, MOST_REPEATS * folds, folds, power=power)
        return None if pairs is None else max(1, pairs // folds - self.confirmed.repeats)


def compare_all(confirmed: ConfirmationScores, alpha: float = ALPHA) -> Comparisons:
    """Compare all levels with the best and with the baseline."""
    levels, ratio = confirmed.levels, confirmed.ratio
    to_best = [
        paired_test(levels[0].scores - other.scores, ratio, _lucks(levels[0], other))
        for other in levels[1:]
    ]
    baseline = confirmed.baseline
    to_baseline = [
        paired_test(level.scores - baseline.scores, ratio, _lucks(level))
        for level in levels
        if baseline is not None
    ]
    pairs = comb(len(levels), 2)
    widest = confirmed.limits[1] - confirmed.limits[0]
    return Comparisons(
        confirmed=confirmed,
        alpha=alpha,
        to_best=_compare(to_best, holm_all_pairs, pairs, alpha, widest),
        to_baseline=_compare(to_baseline, holm, len(levels), alpha, widest),
    )


def simplicity(level: ActivationScore) -> tuple[int, int]:
    """Sorts the simplest activation first."""
    return ACTIVATIONS[ActivationName(level.activation)].simplicity


def _lucks(*levels: ActivationScore) -> tuple[VarianceComponent, ...]:
    """Return the luck of the search in a difference between levels.

    The lucks add up, but what is known of them is largely the same, so the degrees of freedom do
    not.
    """
    known = [level.luck for level in levels if level.luck is not None]
    if not known:
        return ()
    variance = sum(luck.variance for luck in known)
    return (VarianceComponent(variance=variance, df=min(luck.df for luck in known)),)


def _compare(
    tests: Sequence[PairedTest | None],
    adjust: Callable[[Sequence[float]], list[float]],
    hypotheses: int,
    alpha: float,
    widest: float,
) -> tuple[Comparison, ...]:
    p_values = [1.0 if test is None else test.p_value for test in tests]
    return tuple(
        Comparison(
            test=test,
            p_value=p_value,
            p_adjusted=adjusted,
            # Cut at 1, the adjusted p does not tell its factor; it then was the first or like it.
            alpha=alpha * p_value / adjusted if adjusted < 1.0 else alpha / hypotheses,
            widest=widest,
        )
        for test, p_value, adjusted in zip(tests, p_values, adjust(p_values), strict=True)
    )


def pick_winner(runs: Sequence[ConfirmationRun], metric: Metric) -> Mapping[str, ParamValue] | None:
    """Return the configuration that the verdict recommends; None where every run failed.

    It is the best configuration of the recommended activation. Needs all runs, failed ones too:
    they count against their configuration.
    """
    recommended = compare_all(confirm(runs, metric)).recommended
    return recommended.best.params if recommended else None
