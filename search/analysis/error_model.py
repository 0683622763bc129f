"""The error of a difference between two arms, on data like this, had the search been done again.

Notation: `A` arms, `S` searches of an arm, `R` repeats, `B` blocks of rows. The score of the
champion of arm a and search s in repeat r is modelled as

    arm + rows + search(a, s) + splits(a, r) + training(a, s, r).

- rows: the data set is a sample. A difference of two arms is a mean over rows, each scored out of
  fold by both, so its variance is that of the rows' differences over their number (Bayle et al.
  2020, Cross-Validation Confidence Intervals for Test Error); rows that belong together are one
  block.
- search: another search would have found other champions (Bouthillier et al. 2021, Accounting for
  Variance in Machine Learning Benchmarks). The champions of independent searches tell their
  variance, training noise included, since each was trained by itself. A few tell it badly, so it is
  moderated: an arm's own variance is drawn towards that of the typical arm (Smyth 2004, Linear
  Models and Empirical Bayes Methods).
- splits: what the splits of a repeat do to all searches of an arm alike, which the champions of one
  arm cannot show: the variance over repeats of an arm's mean, beyond training noise.

The variances add up; degrees of freedom are Welch's and Satterthwaite's. The row part of two
networks that are trained separately holds a share of their training noise, which the search part
holds too: intervals are somewhat too wide for arms that are alike, never too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np
from scipy.special import chdtri, nctdtr, ndtri, stdtr, stdtrit

from search.analysis.confirmation_table import Arm, ConfirmationTable, Flags, Floats
from search.analysis.region import loss_of
from search.metrics import Metric

#: Probability with which a real difference should be found.
POWER = 0.8
#: Degrees of freedom with which the typical arm weighs against an arm's own champions: about what
#: limma finds for variances that differ among themselves by a factor of about two either way.
_PRIOR_DF = 4.0
#: An arm whose own variance is so many times the moderated one is not like the others: its own
#: variance counts.
_UNLIKE = 3.0
#: With a single search nothing shows the luck of the search. It is then taken to be this share of
#: the loss, about what six searches an arm of 20 to 40 trials each had on digits (VERDICT.md).
ASSUMED_LUCK = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the variance of a difference, an estimate with degrees of freedom."""

    variance: float
    df: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """What searching and training again would do to the score of one arm."""

    searches: int
    #: Variance between searches, of one champion's mean over the repeats, training noise included.
    search: Part
    #: The part of it that is noise of the trainings, which more repeats would shrink.
    training: float
    #: Variance between repeats that all champions of the arm share, of one repeat.
    splits: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference of two means, first minus second, with the parts of its variance."""

    #: More is better.
    estimate: float
    #: Resampling of rows; of the searches of each; of splits and trainings.
    rows: Part
    searches: tuple[Part, ...]
    splits: Part
    #: The share of the variance that more repeats would take away.
    noise: float = 0.0

    @property
    def variance(self) -> float:
        """Variance of the estimate, all parts together."""
        return sum(part.variance for part in self._parts)

    @property
    def error(self) -> float:
        """Standard error of the estimate."""
        return sqrt(self.variance)

    @property
    def df(self) -> float:
        """Degrees of freedom of the variance, by Welch and Satterthwaite; at least 1."""
        total = self.variance
        if total <= 0.0:
            return 1.0
        known = [part for part in self._parts if part.variance > 0.0]
        return max(1.0, 1.0 / sum((part.variance / total) ** 2 / part.df for part in known))

    @property
    def p_one_sided(self) -> float:
        """Probability of an estimate as great by chance, were the first no better."""
        if self.error == 0.0:
            return 0.0 if self.estimate > 0.0 else 1.0 if self.estimate < 0.0 else 0.5
        return float(stdtr(self.df, -self.estimate / self.error))

    @property
    def p_two_sided(self) -> float:
        """Probability of an estimate as far from 0 by chance, were the two alike."""
        one = self.p_one_sided
        return min(1.0, 2.0 * min(one, 1.0 - one))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the two-sided confidence interval of `level`."""
        reach = float(stdtrit(self.df, (1.0 + level) / 2.0)) * self.error
        return self.estimate - reach, self.estimate + reach

    def probability_within(self, size: float) -> float:
        """Return the probability that the difference is no further than `size` from 0.

        Under a flat prior, by the model of the interval.
        """
        if self.error == 0.0:
            return float(abs(self.estimate) <= size)
        low, high = (float(stdtr(self.df, (e - self.estimate) / self.error)) for e in (-size, size))
        return high - low

    def detectable(self, alpha: float, power: float = POWER) -> float:
        """Return the least true difference that a one-sided test shows with probability `power`."""
        return (float(stdtrit(self.df, 1.0 - alpha)) + float(ndtri(power))) * self.error

    def power(self, alpha: float, *, variance: float | None = None) -> float:
        """Return the probability of a one-sided p below `alpha` where the estimate is the truth.

        `variance` is what the error would be, with the degrees of freedom at hand.
        """
        error = sqrt(self.variance if variance is None else variance)
        if error == 0.0:
            return float(self.estimate > 0.0)
        critical = float(stdtrit(self.df, 1.0 - alpha))
        # SciPy gives NaN for some probabilities below 1e-190.
        return 1.0 - float(np.nan_to_num(nctdtr(self.df, self.estimate / error, critical)))

    @property
    def _parts(self) -> tuple[Part, ...]:
        return self.rows, *self.searches, self.splits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorModel:
    """The luck of every arm of a table."""

    luck: Mapping[str, Luck]
    #: Whether the luck of the search is taken from experience, there being one search only.
    is_assumed: bool

    def difference(self, first: Arm, second: Arm) -> Difference:
        """Return first minus second, over the repeats that both have.

        Of two arms with one repeat or more in common; more is better.
        """
        common = first.done & second.done
        repeats = int(common.sum())
        ours, theirs = self.luck[first.name], self.luck[second.name]
        rows = rows_part(_block_sums(first, common), _block_sums(second, common))
        searches = tuple(
            Part(variance=luck.search.variance / luck.searches, df=luck.search.df)
            for luck in (ours, theirs)
        )
        splits = Part(
            variance=(ours.splits.variance + theirs.splits.variance) / repeats,
            df=min(ours.splits.df, theirs.splits.df),
        )
        noise = sum(luck.training / luck.searches for luck in (ours, theirs)) + splits.variance
        total = rows.variance + sum(part.variance for part in searches) + splits.variance
        return Difference(
            estimate=_mean(first, common) - _mean(second, common),
            rows=rows,
            searches=searches,
            splits=splits,
            noise=min(1.0, noise / total) if total > 0.0 else 0.0,
        )

    def mean(self, arm: Arm) -> Difference:
        """Return the mean of one arm with the parts of its variance."""
        luck = self.luck[arm.name]
        return Difference(
            estimate=arm.mean,
            rows=rows_part(_block_sums(arm, arm.done)),
            searches=(Part(variance=luck.search.variance / luck.searches, df=luck.search.df),),
            splits=Part(variance=luck.splits.variance / int(arm.done.sum()), df=luck.splits.df),
        )

    def own_part(self, arm: Arm) -> Part:
        """Return the part of an arm's variance that it shares with no other: all but the rows."""
        whole = replace(self.mean(arm), rows=Part(variance=0.0, df=inf))
        return Part(variance=whole.variance, df=whole.df)


def block_influence(arm: Arm) -> Floats:
    """Return `(B,)` what each block of rows adds to the mean of an arm, beyond its share."""
    return _influence(*_block_sums(arm, arm.done))


def error_model(table: ConfirmationTable, metric: Metric) -> ErrorModel:
    """Return the error model of the arms of `table`."""
    spreads = {arm.name: _between(arm) for arm in table.arms}
    is_assumed = all(part is None for part in spreads.values())
    assumed = _assumed(table, metric)
    search = _moderated({n: p for n, p in spreads.items() if p is not None}, assumed)
    training = _trainings(table.arms)
    splits = _splits(table.arms, training)
    return ErrorModel(
        luck={
            arm.name: Luck(
                searches=len(arm.networks),
                search=search.get(arm.name) or search[""],
                training=min(
                    training[arm.name] / int(arm.done.sum()),
                    (search.get(arm.name) or search[""]).variance,
                ),
                splits=splits[arm.name],
            )
            for arm in table.arms
        },
        is_assumed=is_assumed,
    )


def rows_part(first: tuple[Floats, Floats], second: tuple[Floats, Floats] | None = None) -> Part:
    """Return the variance of a mean over rows, or of a difference of two, by sums over blocks.

    Each argument holds `(B,)` sums of contributions and `(B,)` numbers of rows; the blocks of both
    are the same rows. The mean is a ratio of two sums over blocks, its variance that of a cluster
    sample (Cochran 1977, Sampling Techniques, 6.3). Infinite for fewer than two blocks with rows.
    """
    influence = _influence(*first) - (_influence(*second) if second else 0.0)
    used = first[1] > 0.0 if second is None else (first[1] > 0.0) | (second[1] > 0.0)
    blocks = int(used.sum())
    if blocks < 2:
        return Part(variance=inf, df=1.0)
    return Part(
        variance=blocks / (blocks - 1.0) * float(np.square(influence[used]).sum()),
        df=blocks - 1.0,
    )


def _influence(sums: Floats, rows: Floats) -> Floats:
    """Return what each block adds to the mean of all rows, beyond its share: sums to 0."""
    total = rows.sum()
    influence: Floats = (sums - sums.sum() / total * rows) / total
    return influence


def _block_sums(arm: Arm, repeats: Flags) -> tuple[Floats, Floats]:
    """Return `(B,)` contributions and rows of an arm over some repeats, mean over its champions."""
    sums = np.mean([network.sums[repeats].sum(axis=0) for network in arm.networks], axis=0)
    rows = np.mean([network.rows[repeats].sum(axis=0) for network in arm.networks], axis=0)
    return sums, rows


def _mean(arm: Arm, repeats: Flags) -> float:
    sums, rows = _block_sums(arm, repeats)
    return float(sums.sum() / rows.sum())


def _between(arm: Arm) -> Part | None:
    """Return the variance of the champions' means; None for a single champion."""
    if len(arm.networks) < 2:
        return None
    means = [network.mean(arm.done) for network in arm.networks]
    return Part(variance=float(np.var(means, ddof=1)), df=len(means) - 1.0)


def _moderated(spreads: Mapping[str, Part], assumed: Part) -> dict[str, Part]:
    """Return the variance between searches of each arm; "" stands for arms with one champion."""
    if not spreads:
        return {"": assumed}
    parts = list(spreads.values())
    total = sum(part.df for part in parts)
    if len(parts) < 3:
        typical = sum(part.df * part.variance for part in parts) / total
        whole = Part(variance=typical, df=total)
        return dict.fromkeys([*spreads, ""], whole)
    # The median of a chi² lies below its mean.
    typical = float(
        np.median([part.variance * part.df / float(chdtri(part.df, 0.5)) for part in parts])
    )
    found = {"": Part(variance=typical, df=min(_PRIOR_DF, total))}
    for name, own in spreads.items():
        df = own.df + _PRIOR_DF
        drawn = (own.df * own.variance + _PRIOR_DF * typical) / df
        is_unlike = own.variance > _UNLIKE * typical
        found[name] = own if is_unlike else Part(variance=drawn, df=min(df, total))
    return found


def _assumed(table: ConfirmationTable, metric: Metric) -> Part:
    """Return the variance of the luck of a search that experience tells, of the best arm's loss."""
    if not table.arms:
        return Part(variance=0.0, df=_PRIOR_DF)
    loss = loss_of(metric, table.arms[0].mean * table.unit) / abs(table.unit)
    return Part(variance=(ASSUMED_LUCK * loss) ** 2, df=_PRIOR_DF)


def _repeat_means(arm: Arm) -> Floats:
    """Return `(S, R)` means of the champions over each repeat that all of them have."""
    return np.array([network.by_repeat[arm.done] for network in arm.networks])


def _trainings(arms: Sequence[Arm]) -> dict[str, float]:
    """Return for each arm the variance of a champion's mean over one repeat by training noise.

    Halfway between its own and the median of all arms, since two repeats tell little of it.
    """
    own = {arm.name: _training(arm) for arm in arms}
    typical = float(np.median(list(own.values()))) if own else 0.0
    return {name: (value + typical) / 2.0 for name, value in own.items()}


def _training(arm: Arm) -> float:
    """Return the training noise that the repeats of one arm show; 0 if they show nothing."""
    table = _repeat_means(arm)
    searches, repeats = table.shape
    if searches < 2 or repeats < 2:
        return 0.0
    rest = _without_margins(table)
    return float(np.square(rest).sum() / ((searches - 1) * (repeats - 1)))


def _splits(arms: Sequence[Arm], training: Mapping[str, float]) -> dict[str, Part]:
    """Return for each arm the variance between repeats that its champions share.

    By moments, from the arms that have all repeats: the variance of an arm's mean beyond its own
    mean and that of the repeat, less the training noise left in it. Never below 0.
    """
    nothing = {arm.name: Part(variance=0.0, df=inf) for arm in arms}
    most = max((int(arm.done.sum()) for arm in arms), default=0)
    whole = [arm for arm in arms if int(arm.done.sum()) == most]
    if most < 2 or len(whole) < 2:
        return nothing
    table = np.array([_repeat_means(arm).mean(axis=0) for arm in whole])  # (A, R)
    spread = np.square(_without_margins(table)).sum(axis=1) / (most - 1)
    spread *= len(whole) / (len(whole) - 1)
    own = {
        arm.name: float(value) - training[arm.name] / len(arm.networks)
        for arm, value in zip(whole, spread, strict=True)
    }
    many = len(whole) > 2
    typical = float(np.median(list(own.values())) if many else np.mean(list(own.values())))
    df = max(1.0, (len(whole) - 1) * (most - 1) / (2.0 if many else 1.0))
    return {
        arm.name: Part(variance=max(0.0, (own.get(arm.name, typical) + typical) / 2.0), df=df)
        for arm in arms
    }


def _without_margins(table: Floats) -> Floats:
    """Return what the means of rows and columns leave of a two-way table."""
    rest: Floats = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    return rest
