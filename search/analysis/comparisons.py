"""Which activations are as good as the best, which beat the baseline, and what repeats would tell.

An arm is one of the things compared: an activation, scored by the mean of its confirmed
configurations. There are two families of comparisons, each held to a chance of at most `alpha` for
any wrong one among it: every arm against the best, which only the scores made the best
(`holm_all_pairs`), and every arm against the baseline, which was named beforehand (`holm`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, inf

import numpy as np

from search.activations.arms import simplicity_of
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
    #: Significance level of this comparison: the test's p is below it where the adjusted p is below
    #: the alpha of the family.
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
    #: The best arm minus each of the others, in the order of `confirmed.arms[1:]`.
    to_best: tuple[Comparison, ...]
    #: Each arm minus the baseline, in the order of `confirmed.arms`; empty without a baseline.
    to_baseline: tuple[Comparison, ...]

    @property
    def tied(self) -> tuple[ActivationScore, ...]:
        """The best arm and all that are not shown to be worse, the best first."""
        arms = self.confirmed.arms
        return arms[:1] + tuple(
            arm
            for arm, comparison in zip(arms[1:], self.to_best, strict=True)
            if comparison.p_adjusted >= self.alpha
        )

    @property
    def recommended(self) -> ActivationScore | None:
        """The simplest of the tied arms, of equally simple ones the better. None without any arm.

        Only arms whose mean is within one standard error of the best count (Breiman et al. 1984):
        an activation that explodes once in a while has such wide intervals that nothing can show it
        to be worse, yet nobody should be told to use it.
        """
        if not self.tied:
            return None
        best = self.tied[0]
        reach = best.mean - best.standard_error(self.confirmed.ratio)
        near = [arm for arm in self.tied if arm is best or arm.mean >= reach]
        return min(near, key=simplicity)

    def known_pairs(self) -> int:
        """Return the pairs of the comparison that has fewest; 0 where nothing is compared."""
        best, *others = [arm.scores for arm in self.confirmed.arms] or [np.empty(0)]
        return min((int(np.isfinite(best - other).sum()) for other in others), default=0)

    def enough_pairs(self) -> bool:
        """Return whether the resamples at hand could name a single winner at all."""
        return self.known_pairs() >= self.least_pairs()

    def least_pairs(self) -> int:
        """Return the pairs below which no winner can be named, however large the differences."""
        return fewest_pairs(1, self.alpha)

    def repeats_possible(self) -> int | None:
        """Return the repeats beyond those at hand with which a winner could be named at all.

        None where more than MOST_REPEATS would be needed.
        """
        whole = -(-self.least_pairs() // max(1, self.confirmed.folds))
        return max(1, whole - self.confirmed.repeats) if whole <= MOST_REPEATS else None

    def probabilities(self) -> tuple[float, ...]:
        """Return the chance of each arm to be the best, in the order of `confirmed.arms`.

        Only resamples that all arms have count; the chances are even where those are fewer than
        two.
        """
        arms = self.confirmed.arms
        if not arms:
            return ()
        scores: Floats = np.column_stack([arm.scores for arm in arms])  # (n, A)
        scores = scores[np.isfinite(scores).all(axis=1)]
        if len(scores) < 2:
            return (1.0 / len(arms),) * len(arms)
        components = [arm.selection_variance for arm in arms]
        variances = np.array([0.0 if part is None else part.variance for part in components])
        return tuple(float(p) for p in probability_best(scores, self.confirmed.ratio, variances))

    def repeats_needed(self, comparison: Comparison) -> int | None:
        """Return the repeats beyond those at hand that would show the observed difference.

        None where the difference is shown already, or MOST_REPEATS would not show it.
        """
        if comparison.p_adjusted < self.alpha:
            return None
        return self._more_repeats(comparison, comparison.alpha)

    def repeats_to_win(self) -> int | None:
        """Return the repeats beyond those at hand that would leave the best untied.

        For that each difference to it must be shown at the level alpha, and all of them with
        probability POWER: the chances of missing one add up at most. None where the best is untied
        already, or MOST_REPEATS would not show one of the differences.
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
    """Compare all arms with the best and with the baseline."""
    arms, ratio = confirmed.arms, confirmed.ratio
    to_best = [
        paired_test(arms[0].scores - other.scores, ratio, _selection_variance(arms[0], other))
        for other in arms[1:]
    ]
    baseline = confirmed.baseline
    to_baseline = [
        paired_test(arm.scores - baseline.scores, ratio, _selection_variance(arm))
        for arm in arms
        if baseline is not None
    ]
    pairs = comb(len(arms), 2)
    widest = confirmed.limits[1] - confirmed.limits[0]
    return Comparisons(
        confirmed=confirmed,
        alpha=alpha,
        to_best=_compare(to_best, holm_all_pairs, pairs, alpha, widest),
        to_baseline=_compare(to_baseline, holm, len(arms), alpha, widest),
    )


def simplicity(arm: ActivationScore) -> tuple[int, int]:
    """Return a key that sorts the simplest activation first."""
    return simplicity_of(arm.activation)


def _selection_variance(*arms: ActivationScore) -> tuple[VarianceComponent, ...]:
    """Return the between-search variance of a sum or difference of `arms`; empty where unknown.

    The variances add up. Their degrees of freedom do not, since the estimates largely share their
    data.
    """
    known = [arm.selection_variance for arm in arms if arm.selection_variance is not None]
    if not known:
        return ()
    variance = sum(part.variance for part in known)
    return (VarianceComponent(variance=variance, df=min(part.df for part in known)),)


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
            # An adjusted p that was cut at 1 does not tell its factor; the factor of the first step
            # is then taken, which is the greatest.
            alpha=alpha * p_value / adjusted if adjusted < 1.0 else alpha / hypotheses,
            widest=widest,
        )
        for test, p_value, adjusted in zip(tests, p_values, adjust(p_values), strict=True)
    )


def pick_winner(runs: Sequence[ConfirmationRun], metric: Metric) -> Mapping[str, ParamValue] | None:
    """Return the configuration that the verdict recommends; None where every run failed.

    It is the best configuration of the recommended activation. `runs` must hold all runs, failed
    ones too: they count against their configuration.
    """
    recommended = compare_all(confirm(runs, metric)).recommended
    return recommended.best.params if recommended else None
