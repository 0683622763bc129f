"""Tests for scores of repeated cross-validation, whose resamples share rows and so depend.

`n` pairs, the scores of two things on the same n resamples; `A` things compared. The resamples
share most of their training rows, so the variance of a mean difference is not S²/n. Nadeau & Bengio
(2003) found for a random split with n1 training and n2 validation rows

    Var(mean difference) = (1/n + n2/n1)·S²,

and Bouckaert & Frank (2004) that the same holds well for all n = repeats x folds differences of
repeated k-fold cross-validation (there n2/n1 = 1/(k - 1)), with n - 1 degrees of freedom. The
second term does not shrink with more repeats: new seeds do not bring new rows.

Whatever the normal distribution promises, no p-value is below 2^(1-n): not even n differences of
one sign are less likely than that under exchange of the two names. Fewer than 6 pairs therefore
never reach 0.05, and equal differences in every pair, whose S is 0, need no case of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, comb, inf, log2, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, ndtri, stdtr, stdtrit

Floats: TypeAlias = NDArray[np.float64]

#: Accepted error probability of a family of comparisons.
ALPHA = 0.05
#: Probability with which a real difference of the observed size should be found.
POWER = 0.8
#: 2^(1-n) of 1,100 pairs is 0 in a computer, and no p-value is.
_LEAST_P = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponent:
    """A variance of the difference beside that of the resamples, an estimate."""

    variance: float
    #: Degrees of freedom of the estimate.
    df: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """The corrected resampled t-test of a mean difference against 0."""

    n: int
    #: Mean of the n differences.
    difference: float
    #: Standard deviation S of the n differences, with n - 1 in the denominator.
    sd: float
    #: Validation rows over training rows, n2/n1.
    ratio: float
    extras: tuple[VarianceComponent, ...] = ()

    def variance(self, n: int | None = None) -> float:
        """Return the variance of the mean difference, with `n` pairs in place of those at hand."""
        return self._resampling(n or self.n) + sum(extra.variance for extra in self.extras)

    def df(self, n: int | None = None) -> float:
        """Return the degrees of freedom of that variance, by Welch and Satterthwaite."""
        n = n or self.n
        parts = [(self._resampling(n), n - 1.0)]
        parts += [(extra.variance, extra.df) for extra in self.extras]
        total = sum(variance for variance, _ in parts)
        if total <= 0.0:
            return n - 1.0
        return 1.0 / sum((variance / total) ** 2 / df for variance, df in parts if variance > 0.0)

    @property
    def p_value(self) -> float:
        """The two-sided p-value; never below 2^(1-n), and 1 where the mean difference is 0."""
        if self.difference == 0.0:
            return 1.0
        error = sqrt(self.variance())
        t = abs(self.difference) / error if error > 0.0 else inf
        return max(2.0 * float(stdtr(self.df(), -t)), 2.0 ** (1 - self.n), _LEAST_P)

    def interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """Return the ends of the confidence interval of level 1 - `alpha`."""
        reach = float(stdtrit(self.df(), 1.0 - alpha / 2.0)) * sqrt(self.variance())
        return self.difference - reach, self.difference + reach

    def power(self, n: int, alpha: float) -> float:
        """Return the probability of p < `alpha`, on the right side, with `n` pairs.

        The observed difference is taken as the true one, S and the extra variances as estimated.
        """
        if 2.0 ** (1 - n) >= alpha:
            return 0.0
        variance, df = self.variance(n), self.df(n)
        if variance <= 0.0:
            return float(self.difference != 0.0)
        shift = abs(self.difference) / sqrt(variance)
        critical = float(stdtrit(df, 1.0 - alpha / 2.0))
        # SciPy gives NaN for some probabilities below 1e-190.
        return 1.0 - float(np.nan_to_num(nctdtr(df, shift, critical)))

    def _resampling(self, n: int) -> float:
        return (1.0 / n + self.ratio) * self.sd**2


def paired_test(
    differences: Floats, ratio: float, extras: Sequence[VarianceComponent] = ()
) -> PairedTest | None:
    """Return the test of the finite ones among `differences` `(n,)`; None for fewer than two.

    `ratio` is validation rows over training rows of a resample.
    """
    known = differences[np.isfinite(differences)]
    if len(known) < 2:
        return None
    # Equal numbers can have a standard deviation of 1e-17 by rounding.
    sd = 0.0 if np.ptp(known) == 0.0 else float(np.std(known, ddof=1))
    return PairedTest(
        n=len(known), difference=float(np.mean(known)), sd=sd, ratio=ratio, extras=tuple(extras)
    )


def mean_interval(scores: Floats, ratio: float, alpha: float = ALPHA) -> tuple[float, float] | None:
    """Return the confidence interval of a mean score; None for fewer than two finite scores."""
    test = paired_test(scores, ratio)
    return test.interval(alpha) if test else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of comparisons with one thing that was named beforehand (Holm 1979).

    Whatever their dependence, the chance of any wrong p < alpha is at most alpha.
    """
    return _step_down(p_values, lambda undecided: undecided)


def holm_all_pairs(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of comparisons with the best, which the same scores made the best.

    The best is only known afterwards, so the comparison that looks most extreme is the extreme one
    of all pairs: with m things undecided (the best among them) there are m(m - 1)/2 pairs that may
    all be equal. Holm's steps are taken with these numbers; the last step, best against second,
    counts 1.

    Where the best is better than every other without any correction, that is enough to say so: all
    comparisons had to succeed, which happens by chance no more often than for one of them
    (intersection-union test, Berger 1982). So no p-value is adjusted beyond the greatest of them.
    """
    greatest = max(p_values, default=1.0)
    adjusted = _step_down(p_values, lambda undecided: comb(undecided + 1, 2))
    return [min(p_value, greatest) for p_value in adjusted]


def _step_down(p_values: Sequence[float], hypotheses: Callable[[int], int]) -> list[float]:
    """Multiply each p-value by `hypotheses(number of comparisons not yet decided)`, in order."""
    adjusted = [1.0] * len(p_values)
    greatest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        greatest = max(greatest, p_values[index] * hypotheses(len(p_values) - step))
        adjusted[index] = min(1.0, greatest)
    return adjusted


def fewest_pairs(hypotheses: int, alpha: float = ALPHA) -> int:
    """Return the pairs below which no p-value times `hypotheses` is below `alpha`."""
    n = ceil(1.0 + log2(hypotheses / alpha))
    return n if hypotheses * 2.0 ** (1 - n) < alpha else n + 1


def pairs_needed(
    test: PairedTest, alpha: float, most: int, step: int = 1, *, power: float = POWER
) -> int | None:
    """Return the fewest pairs that find a difference as observed with probability `power`.

    It is a multiple of `step`, at most `most` and at least the pairs at hand. None where even
    `most` do not suffice: rows are shared however often they are split anew, and the between-search
    variance stays too.
    """
    low, high = -(-test.n // step), most // step
    if high < low or test.power(high * step, alpha) < power:
        return None
    while low < high:  # the power grows with the pairs
        middle = (low + high) // 2
        if test.power(middle * step, alpha) >= power:
            high = middle
        else:
            low = middle + 1
    return low * step


def detectable_difference(n: int, ratio: float, alpha: float) -> float:
    """Return the difference, in standard deviations of a pair, found with probability POWER."""
    error = sqrt(1.0 / n + ratio)
    reach = float(stdtrit(n - 1.0, 1.0 - alpha / 2.0)) + float(ndtri(POWER))
    return error * reach


def probability_best(
    scores: Floats,
    ratio: float,
    extra_variances: Floats,
    *,
    draws: int = 20_000,
    seed: int = 0,
) -> Floats:
    """Return `(A,)` posterior probabilities of having the greatest expected score.

    `scores` is `(n, A)`, n >= 2, finite, more is better. The posterior under a flat prior is that
    of the correlated t-test (Corani & Benavoli 2015) for A means at once: multivariate t with
    n - 1 degrees of freedom around the means, its scale (1/n + ratio) times the sample covariance.
    The independent normal `extra_variances` `(A,)` come on top. Exact ties share.
    """
    n, arms = scores.shape
    rng = np.random.default_rng(seed)
    means = scores.mean(axis=0)
    # A product of the centred scores has their covariance also where that matrix is singular.
    centred = (scores - means) / sqrt(n - 1)  # (n, A)
    shocks = rng.standard_normal((draws, n)) @ centred  # (draws, A)
    widths = np.sqrt((1.0 / n + ratio) * (n - 1) / rng.chisquare(n - 1, size=(draws, 1)))
    extra = rng.standard_normal((draws, arms)) * np.sqrt(extra_variances)
    drawn = means + widths * shocks + extra
    # Equal columns differ by rounding of the product; that is no difference.
    top = drawn >= drawn.max(axis=1, keepdims=True) - 1e-12 * np.abs(drawn).max()
    shares: Floats = (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares
