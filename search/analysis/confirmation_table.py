"""The runs of a confirmation as arrays: networks, arms, and rows in blocks.

`R` repeats, `K` folds, `n` resamples (one fold of one repeat each), `B` blocks of rows. Scores are
turned so that more is better, whatever the metric: direction is handled here, once. Scores far from
1 are in a unit of their size, since variances are squares: those of squared errors overflow for
targets of 1e100, and are lost for targets of 1e-100. A unit is a power of two, so it rounds
nothing.

An arm is one of the things compared, such as an activation. It has one champion of each search; its
score is their mean, so a lucky find of one search decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import frexp, inf, isfinite, ldexp
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.analysis.candidates import config_key
from search.metrics import Direction, Metric
from search.study import ConfirmationRun, ParamValue, Role, Stage

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

#: A score so many times the typical one comes from a network that has all but overflowed, and the
#: square of anything larger would.
_ABSURD = 1e100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """One configuration trained anew, scored on every resample it was given."""

    #: The search trial with this configuration; None for a baseline that no trial tried.
    trial: int | None
    arm: str
    activation: str
    #: The search whose champion it is; None for the baseline.
    search: int | None
    params: Mapping[str, ParamValue]
    #: `(n,)`, more is better; a failed run has the worst score of its resample, NaN for no run.
    scores: Floats
    #: `(R, B)` contributions of the rows of each block, summed over the folds of a repeat.
    sums: Floats
    #: `(R, B)` rows scored; all 0 for a repeat that is not complete.
    rows: Floats
    runs: int
    failures: int
    fit_seconds: float

    @property
    def done(self) -> Flags:
        """`(R,)`, whether every fold of the repeat has a run."""
        done: Flags = self.rows.sum(axis=1) > 0.0
        return done

    @property
    def by_repeat(self) -> Floats:
        """`(R,)` mean over the rows of each repeat, NaN where it is not complete."""
        rows = self.rows.sum(axis=1)
        means: Floats = np.divide(
            self.sums.sum(axis=1), rows, out=np.full(len(rows), np.nan), where=rows > 0.0
        )
        return means

    def mean(self, repeats: Flags | None = None) -> float:
        """Return the mean over all scored rows, of some `repeats` only; NaN without any."""
        chosen = self.done if repeats is None else repeats & self.done
        rows = float(self.rows[chosen].sum())
        return float(self.sums[chosen].sum()) / rows if rows else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """One of the things compared: the champions of all searches."""

    name: str
    #: By search.
    networks: tuple[Network, ...]
    #: Mean over the champions. Of an arm that has fewer repeats than others it is adjusted for the
    #: resamples it has not had, by the arms that have had them.
    mean: float

    @property
    def done(self) -> Flags:
        """`(R,)`, whether every champion has every fold of the repeat."""
        done: Flags = np.logical_and.reduce([network.done for network in self.networks])
        return done

    @property
    def best(self) -> Network:
        """The champion with the best mean; of equal ones the one tried first."""
        return max(self.networks, key=lambda network: (network.mean(), -(network.trial or 0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfirmationTable:
    """All arms with a score, the best mean first, and what they are compared with."""

    arms: tuple[Arm, ...]
    #: None without runs that did not fail.
    baseline: Network | None
    #: Arms all of whose runs failed.
    failed: tuple[str, ...]
    #: Resamples in one repeat.
    folds: int
    repeats: int
    #: Scores times this are in the metric's units and direction; negative where less is better.
    unit: float
    #: The least and the greatest score there can be, turned like all scores.
    limits: tuple[float, float] = (-inf, inf)

    def arm(self, name: str) -> Arm:
        """Return the arm `name`, which must be one of `arms`."""
        return next(arm for arm in self.arms if arm.name == name)


def tabulate(runs: Sequence[ConfirmationRun], metric: Metric) -> ConfirmationTable:
    """Return the table of the confirming ones among `runs`, by `metric`.

    The order of the runs does not matter; of runs of one configuration, role, search, repeat and
    fold the last one counts. Runs of older releases, which recorded no blocks, are left out, unless
    they failed. A run whose score is no number below 1e100 times the typical size has failed.
    """
    used = [run for run in runs if run.stage is Stage.CONFIRM and (run.blocks or run.failure)]
    unit = _size_unit(used, metric)
    grid = _Grid.of(used, metric.name, unit)
    latest: dict[tuple[Role, int, str], dict[tuple[int, int], ConfirmationRun]] = {}
    for run in used:
        search = -1 if run.search is None else run.search
        key = run.role, search, config_key(run.params)
        latest.setdefault(key, {})[run.repeat, run.fold] = run
    order = sorted(latest, key=lambda key: (key[0].value, key[1], key[2]))
    networks = [(key[0], grid.network(latest[key])) for key in order]
    groups: dict[str, list[Network]] = {}
    for role, network in networks:
        if role is Role.CANDIDATE:
            groups.setdefault(network.arm, []).append(network)
    failed = [name for name, group in groups.items() if not any(map(_has_trained, group))]
    arms = [_arm(name, group) for name, group in groups.items() if name not in failed]
    baselines = [n for role, n in networks if role is Role.BASELINE and _has_trained(n)]
    low, high = sorted(limit / unit for limit in metric.limits)
    ranked = sorted(_adjusted(arms), key=lambda arm: -arm.mean)
    return ConfirmationTable(
        arms=tuple(arm for arm in ranked if isfinite(arm.mean)),
        baseline=next((n for n in baselines if isfinite(n.mean())), None),
        failed=tuple(sorted(failed)),
        folds=grid.folds,
        repeats=max((int(arm.done.sum()) for arm in arms), default=0),
        unit=unit,
        limits=(low, high),
    )


def _has_trained(network: Network) -> bool:
    return network.failures < network.runs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
    """The resamples of a confirmation, and what stands in for a run that failed on each."""

    name: str
    unit: float
    repeats: int
    folds: int
    blocks: int
    #: The run with the worst score of each resample; absent where all failed.
    worst: Mapping[tuple[int, int], ConfirmationRun]

    @classmethod
    def of(cls, runs: Sequence[ConfirmationRun], name: str, unit: float) -> _Grid:
        worst: dict[tuple[int, int], ConfirmationRun] = {}
        for run in runs:
            score = turned_score(run, name, unit)
            known = worst.get((run.repeat, run.fold))
            if score is not None and (
                known is None or score < (turned_score(known, name, unit) or 0.0)
            ):
                worst[run.repeat, run.fold] = run
        return cls(
            name=name,
            unit=unit,
            repeats=1 + max((run.repeat for run in runs), default=-1),
            folds=1 + max((run.fold for run in runs), default=-1),
            blocks=max((len(run.blocks.sums) for run in runs if run.blocks), default=0),
            worst=worst,
        )

    def network(self, known: Mapping[tuple[int, int], ConfirmationRun]) -> Network:
        """Return the network of the runs `known`, all of one configuration, by resample.

        A run that failed counts as the worst of its resample: leaving it out would reward failing
        on the hard ones.
        """
        scores = np.full(self.repeats * self.folds, np.nan)
        sums = np.zeros((self.repeats, self.blocks))
        rows = np.zeros((self.repeats, self.blocks))
        failures, counts = 0, np.zeros(self.repeats, dtype=int)
        for (repeat, fold), run in known.items():
            own = turned_score(run, self.name, self.unit)
            failures += own is None
            shown = run if own is not None else self.worst.get((repeat, fold))
            if shown is None or shown.blocks is None:
                continue
            scores[repeat * self.folds + fold] = turned_score(shown, self.name, self.unit)
            sums[repeat] += np.asarray(shown.blocks.sums) / self.unit
            rows[repeat] += shown.blocks.rows
            counts[repeat] += 1
        sums[counts < self.folds] = 0.0
        rows[counts < self.folds] = 0.0
        one = next(iter(known.values()))
        return Network(
            trial=one.trial,
            arm=one.arm,
            activation=one.activation,
            search=one.search,
            params=one.params,
            scores=scores,
            sums=sums,
            rows=rows,
            runs=len(known),
            failures=failures,
            fit_seconds=sum(run.fit_seconds for run in known.values()),
        )


def turned_score(run: ConfirmationRun, name: str, unit: float) -> float | None:
    """Return the score of `run` in `unit`, so that more is better; None where it failed."""
    score = run.scores.get(name, float("nan")) / unit
    return score if abs(score) < _ABSURD else None


def _arm(name: str, networks: Sequence[Network]) -> Arm:
    """Return an arm; its mean is over the repeats that all of its networks have."""
    arm = Arm(name=name, networks=tuple(networks), mean=0.0)
    done = arm.done
    return replace(arm, mean=float(np.mean([network.mean(done) for network in networks])))


def _adjusted(arms: Sequence[Arm]) -> list[Arm]:
    """Return `arms` with the means that they would have on the resamples of the longest."""
    if not arms:
        return []
    most = max(int(arm.done.sum()) for arm in arms)
    whole = [arm for arm in arms if int(arm.done.sum()) == most]

    def shift(done: Flags) -> float:
        changes = [
            network.mean() - network.mean(done)
            for arm in whole
            for network in arm.networks
            if (network.done & done).any()
        ]
        return float(np.mean(changes)) if changes else 0.0

    return [arm if arm in whole else replace(arm, mean=arm.mean + shift(arm.done)) for arm in arms]


def _size_unit(runs: Sequence[ConfirmationRun], metric: Metric) -> float:
    """Return the signed unit for scores of this size: 1 for ordinary ones, else a power of 2^256.

    It is the nearest power to the median size; 1 where no score is above 0 in size.
    """
    sign = 1.0 if metric.direction is Direction.MAXIMIZE else -1.0
    sizes = np.abs([run.scores.get(metric.name, float("nan")) for run in runs])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0.0)]
    if not len(sizes):
        return sign
    # One of the middle two, since their mean could overflow.
    exponent = frexp(float(np.sort(sizes)[len(sizes) // 2]))[1]
    return sign * ldexp(1.0, 256 * max(-3, min(round(exponent / 256), 3)))
