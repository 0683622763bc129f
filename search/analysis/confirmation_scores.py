"""Scores of the confirmation, as arrays ready for the tests of a verdict.

`n` resamples, each one fold of one repeat, which all configurations share; `K` configurations of
one activation. Scores are turned so that more is better, whatever the metric: direction is handled
here, once. Scores far from 1 are in a unit of their size, since variances are squares: those of
squared errors overflow for targets of 1e100, and are lost for targets of 1e-100. A unit is a power
of two, so it rounds nothing.

The score of an activation is the mean over its K confirmed configurations, resample by resample.
Taking the best of the K instead would favour activations with more of them, since the maximum of
noisy means grows with their number, and leaving out a repeat does not undo it: repeats share their
rows, so a configuration that suits these rows by chance does so in all repeats. The mean has no
such bias, needs no held-back repeats, has less noise, and does not let one chance find of a search
decide.

Another search would have found other configurations: even where two activations are one function
under two names, the configurations found for them differ, and enough repeats would prove it. So the
between-search variance, of an activation's score over independent searches, is part of its error.
It is taken as (3/K)·tau², tau² the variance of the true scores of the K configurations. Order
statistics say why not (1/K)·tau²: the K best of many draws share a threshold, which varies from
search to search too. For the mean of the best 3 the factor is 1.8/K where scores have an
exponential tail and 2.8/K where they fall off from an optimum in two axes (Rényi's representation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import frexp, inf, isfinite, ldexp, sqrt

import numpy as np
from scipy.special import chdtri

from search.analysis.candidates import config_key
from search.analysis.paired_tests import Floats, VarianceComponent, paired_test
from search.metrics import Direction, Metric
from search.space import condition_of
from search.study import ConfirmationRun, ParamValue, Role

#: Degrees of freedom with which the typical tau² of all activations weighs against an
#: activation's own: about the number that limma's empirical Bayes finds for variances that differ
#: among themselves by a factor of about two either way (Smyth 2004).
_TYPICAL_DF = 4.0
#: The between-search variance over tau²/K, see above.
_SELECTION_FACTOR = 3.0
#: A score so many times the typical one comes from a network that has all but overflowed, and the
#: square of anything larger would.
_ABSURD = 1e100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Configuration:
    """One configuration trained anew."""

    #: The search trial with this configuration; None for a baseline that no trial tried.
    trial: int | None
    activation: str
    params: Mapping[str, ParamValue]
    #: `(n,)`, in `ConfirmationScores.unit`, more is better; a failed run has the worst score of its
    #: resample, NaN where there is no run.
    scores: Floats
    failures: int
    fit_seconds: float

    @property
    def mean(self) -> float:
        """Mean over the finite scores; NaN without any."""
        return float(np.nanmean(self.scores)) if np.isfinite(self.scores).any() else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActivationScore:
    """The score of one activation, an arm of the comparisons."""

    activation: str
    configurations: tuple[Configuration, ...]
    #: `(n,)` mean over the configurations; NaN where one of them has no run.
    scores: Floats
    #: Between-search variance of that mean; None where it is unknown.
    selection_variance: VarianceComponent | None

    @property
    def mean(self) -> float:
        """Mean over the resamples, NaN where there is none."""
        return float(np.nanmean(self.scores)) if np.isfinite(self.scores).any() else float("nan")

    def standard_error(self, ratio: float) -> float:
        """Return the standard error of the mean, between-search variance included.

        `ratio` is validation rows over training rows; infinity for fewer than two scores.
        """
        extras = [self.selection_variance] if self.selection_variance else []
        test = paired_test(self.scores, ratio, extras)
        return sqrt(test.variance()) if test else inf

    @property
    def best(self) -> Configuration:
        """The configuration with the best mean; of equal ones the one tried first."""
        return max(self.configurations, key=lambda c: (c.mean, -(c.trial or 0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfirmationScores:
    """The scores of a whole confirmation by one metric."""

    #: The activations that have a score, the best first.
    arms: tuple[ActivationScore, ...]
    baseline: Configuration | None
    #: Activations all of whose runs failed.
    failed: tuple[str, ...]
    #: Validation rows over training rows of a resample.
    ratio: float
    #: Resamples in one repeat.
    folds: int
    repeats: int
    #: Scores times this are in the metric's units and direction; negative where less is better.
    unit: float
    #: The least and the greatest score there can be, turned like all scores.
    limits: tuple[float, float] = (-inf, inf)

    @property
    def is_selection_variance_known(self) -> bool:
        """True where the between-search variance can be estimated, or there is none.

        One configuration of each activation does not tell what another search would have found.
        Where all of them share their settings, though, the search selected nothing but the
        activation (and the axes that only it has, such as a slope).
        """
        if any(len(arm.configurations) > 1 for arm in self.arms):
            return True
        return len({_settings(arm.best) for arm in self.arms}) < 2


def confirm(runs: Sequence[ConfirmationRun], metric: Metric) -> ConfirmationScores:
    """Return the scores of `runs` by `metric`.

    The order of the runs does not matter; of runs of one configuration, role, repeat and fold the
    last one counts. A run whose score is no number below 1e100 times the typical size counts as a
    failure.
    """
    sign = 1.0 if metric.direction is Direction.MAXIMIZE else -1.0
    resamples = sorted({(run.repeat, run.fold) for run in runs})
    latest: dict[tuple[Role, str], dict[tuple[int, int], ConfirmationRun]] = {}
    for run in sorted(runs, key=lambda run: -1 if run.trial is None else run.trial):
        latest.setdefault((run.role, config_key(run.params)), {})[run.repeat, run.fold] = run
    unit = sign * _size_unit(runs, metric.name)
    raw = {
        key: np.array([_score(known.get(resample), metric.name, unit) for resample in resamples])
        for key, known in latest.items()
    }
    worst = _worst(list(raw.values()), len(resamples))
    groups: dict[tuple[Role, str], list[Configuration]] = {}
    failed: dict[str, bool] = {}
    for (role, key), known in latest.items():
        scores = raw[role, key]
        one = next(iter(known.values()))
        if role is Role.CANDIDATE:
            failed[one.activation] = failed.get(one.activation, True) and not _any_score(scores)
        groups.setdefault((role, one.activation), []).append(
            Configuration(
                trial=one.trial,
                activation=one.activation,
                params=one.params,
                scores=np.where(scores == -np.inf, worst, scores),
                failures=int((scores == -np.inf).sum()),
                fit_seconds=sum(run.fit_seconds for run in known.values()),
            )
        )
    ratio = _ratio(runs)
    low, high = sorted(limit / unit for limit in metric.limits)
    candidates = {
        activation: group
        for (role, activation), group in groups.items()
        if role is Role.CANDIDATE and not failed[activation]
    }
    baselines = [c for (role, _), group in groups.items() if role is Role.BASELINE for c in group]
    return ConfirmationScores(
        arms=score_activations(candidates, ratio),
        baseline=next((c for c in baselines if c.failures < len(resamples)), None),
        failed=tuple(sorted(name for name, all_failed in failed.items() if all_failed)),
        ratio=ratio,
        folds=len({fold for _, fold in resamples}),
        repeats=len({repeat for repeat, _ in resamples}),
        unit=unit,
        limits=(low, high),
    )


def score_activations(
    candidates: Mapping[str, Sequence[Configuration]], ratio: float
) -> tuple[ActivationScore, ...]:
    """Return the score of each activation from its configurations, the best first.

    Activations without any score are left out. `ratio` is validation rows over training rows.
    """
    spreads = {name: _spread(group, ratio) for name, group in candidates.items()}
    counts = {name: len(group) for name, group in candidates.items()}
    variances = _selection_variances(spreads, counts)
    arms = [
        ActivationScore(
            activation=name,
            configurations=tuple(group),
            scores=np.mean([c.scores for c in group], axis=0),
            selection_variance=variances[name],
        )
        for name, group in candidates.items()
    ]
    return tuple(sorted((arm for arm in arms if isfinite(arm.mean)), key=lambda arm: -arm.mean))


def _settings(configuration: Configuration) -> str:
    """Return a text that is equal for configurations that differ in their activation only."""
    own = {name for name in configuration.params if _is_of_activation(name)}
    return config_key({k: v for k, v in configuration.params.items() if k not in own})


def _is_of_activation(name: str) -> bool:
    condition = condition_of(name)
    return name == "activation" or (condition is not None and condition.axis == "activation")


def _size_unit(runs: Sequence[ConfirmationRun], name: str) -> float:
    """Return the unit for scores of this size: 1 for ordinary ones, else a power of 2^256.

    It is the nearest power to the median size; 1 where no score is above 0 in size.
    """
    sizes = np.abs([run.scores.get(name, float("nan")) for run in runs])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0.0)]
    if not len(sizes):
        return 1.0
    # One of the middle two, since their mean could overflow.
    exponent = frexp(float(np.sort(sizes)[len(sizes) // 2]))[1]
    return ldexp(1.0, 256 * max(-3, min(round(exponent / 256), 3)))


def _score(run: ConfirmationRun | None, name: str, unit: float) -> float:
    """Return the score of `run` in `unit`, so that more is better; NaN for no run, -inf if failed.

    `unit` is negative where less of the metric is better.
    """
    if run is None:
        return float("nan")
    score = run.scores.get(name, float("nan")) / unit
    return score if abs(score) < _ABSURD else -np.inf


def _any_score(scores: Floats) -> bool:
    return bool(np.isfinite(scores).any())


def _worst(rows: Sequence[Floats], resamples: int) -> Floats:
    """Return the worst score of each resample `(n,)`, NaN where all failed.

    A network that fails is at least as bad as the worst that did not; leaving its resamples out
    would reward failing on the hard ones.
    """
    table = np.array(rows).reshape(len(rows), resamples)
    finite = np.isfinite(table)
    worst = np.where(finite, table, np.inf).min(axis=0, initial=np.inf)
    return np.where(finite.any(axis=0), worst, np.nan)


def _ratio(runs: Sequence[ConfirmationRun]) -> float:
    training = sum(run.train_rows for run in runs)
    return sum(run.validation_rows for run in runs) / training if training else 0.0


def _spread(group: Sequence[Configuration], ratio: float) -> float | None:
    """Return tau², the variance of the true means of the configurations; None for a single one.

    By moments, as in a random-effects meta-analysis (DerSimonian & Laird 1986): what the observed
    means differ by, less what the resampling alone makes them differ. The variance of that lies
    between S²/n, if it is all in the seeds, and (1/n + ratio)·S², if it is all in the rows. Half
    the ratio is subtracted: the whole of it would hide differences between searches, none of it
    would count the rows twice.
    """
    found = []
    for a, b in combinations(group, 2):
        test = paired_test(a.scores - b.scores, ratio / 2.0)
        if test is not None:
            found.append((test.difference**2 - test.variance()) / 2.0)
    return max(0.0, float(np.mean(found))) if found else None


def _selection_variances(
    spreads: Mapping[str, float | None], counts: Mapping[str, int]
) -> dict[str, VarianceComponent | None]:
    """Return the between-search variance of each activation, None where no tau² is known.

    `spreads` are the tau² and `counts` the configurations of the activations. Two degrees of
    freedom say little, so an activation's own tau² counts for no less than its mean with the
    typical one: the median, so that an activation that hardly trains does not blur the others.
    """
    own = {name: (s, counts[name] - 1) for name, s in spreads.items() if s is not None}
    if not own:
        return dict.fromkeys(spreads)
    total = float(sum(df for _, df in own.values()))
    middle_df = float(np.median([df for _, df in own.values()]))
    # The median of a chi² lies below its mean.
    typical = float(np.median([s for s, _ in own.values()]))
    typical *= middle_df / float(chdtri(middle_df, 0.5))
    variances: dict[str, VarianceComponent | None] = {}
    for name, count in counts.items():
        spread, df = own.get(name, (0.0, 0))
        tau2 = max(spread, (df * spread + _TYPICAL_DF * typical) / (df + _TYPICAL_DF))
        variances[name] = VarianceComponent(
            variance=_SELECTION_FACTOR * tau2 / count, df=min(df + _TYPICAL_DF, total)
        )
    return variances
