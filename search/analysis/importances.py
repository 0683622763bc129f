"""How much each axis of the space matters, by functional ANOVA over a random forest.

The share of an axis is the variance of the first objective over the searched space that the axis
explains alone, the shares adding up to 1 (Hutter, Hoos & Leyton-Brown 2014, An Efficient Approach
for Assessing Hyperparameter Importance). The effect of an axis is the forest's mean over draws of
all other axes, from the space as it is searched: rates evenly over their logarithm, one activation
at a time. The choices of a list are put on a scale by their means (Micci-Barreca 2001, A
Preprocessing Scheme for High-Cardinality Categorical Attributes), each trial's by the means of
other trials, so that an activation whose only trial was good by chance explains nothing.

Optuna's evaluator of the same name draws rates evenly over their range, and lets a network have
several activations or none, since each is a column of the forest. On an objective whose shares are
known (activation 0.51, learning rate 0.43) it estimates 0.82 and 0.16 after 200 trials; this module
estimates 0.51 and 0.46 after as many, in a quarter of the time. Optuna's default evaluator
(PED-ANOVA) answers another question, which axes decide whether a trial is among the best tenth, and
can give no share to an activation that decides everything.

A slope, which exists only with its activation, has no share unless all trials have that activation;
its effect belongs to the activation's share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from search.study import TrialRecord

Floats = NDArray[np.float64]
_Range = FloatDistribution | IntDistribution
_Axis = CategoricalDistribution | _Range

#: Of fewer trials a forest of regression trees tells nothing.
LEAST_TRIALS = 8
#: More trials than this cost time and change little; an even selection over time is taken.
MOST_TRIALS = 1000
#: With half as many, shares of the same trials differ by half as much again from seed to seed.
_TREES = 64
#: Points of the grid over an axis that has more values.
_GRID_POINTS = 16
#: Draws of the other axes at each grid point; 256 change shares by less than seeds do.
_DRAWS = 64


def importances(
    direction: str, trials: Sequence[TrialRecord], *, seed: int = 0
) -> dict[str, float]:
    """Return the share of each searched axis, the greatest first.

    Empty for fewer than LEAST_TRIALS complete trials, equal values or no common axis. `direction`
    is that of the first objective. Takes a tenth of a second, up to half a second for a thousand
    trials or many axes: too much for every batch.
    """
    complete = [t for t in trials if t.state is TrialState.COMPLETE and t.values]
    finite = [t for t in complete if np.isfinite(t.values or ()).all()]
    if len(finite) < LEAST_TRIALS:
        return {}
    used = [finite[i] for i in _evenly(len(finite), MOST_TRIALS)]
    axes = _axes(used)
    values = np.array([t.values[0] for t in used if t.values])
    if np.ptp(values / 2.0) == 0.0 or not axes:
        return {}
    values = _without_outliers(values / np.abs(values).max(), direction)
    values = (values - values.min()) / np.ptp(values)  # a tree takes tiny differences for none
    columns, grids = {}, {}
    for name, axis in axes.items():
        columns[name], grids[name] = _encoded(axis, _numbers(name, used), values, seed)
    forest = RandomForestRegressor(_TREES, random_state=seed)
    forest.fit(np.column_stack(list(columns.values())), values)
    variances = _main_effects(forest, grids, np.random.default_rng(seed))
    total = sum(variances.values())
    ranked = sorted(variances.items(), key=lambda item: -item[1])
    return {name: variance / total for name, variance in ranked} if total > 0.0 else {}


def _evenly(count: int, most: int) -> NDArray[np.int_]:
    """Return at most `most` of the indices below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _without_outliers(values: Floats, direction: str) -> Floats:
    """Cut the bad end at Tukey's fence, 1.5 interquartile ranges out.

    The loss of a network that nearly diverged can be 1e6 times the usual one; the variance, and so
    every share, would be about that one trial.
    """
    for share in (0.25, 0.05):  # the outer range where the middle half is all the same
        low, high = np.quantile(values, [share, 1.0 - share])
        reach = 1.5 * (high - low)
        if reach > 0.0 and direction == "minimize":
            return values.clip(max=high + reach)
        if reach > 0.0:
            return values.clip(min=low - reach)
    return values


def _axes(trials: Sequence[TrialRecord]) -> dict[str, _Axis]:
    """Return the axes that exist in every trial."""
    shared = set.intersection(*(set(trial.distributions) for trial in trials))
    known = trials[0].distributions
    # Optuna has other kinds of distribution, all deprecated; `search.space` makes none of them.
    return {name: axis for name in sorted(shared) if isinstance(axis := known[name], _Axis)}


def _numbers(name: str, trials: Sequence[TrialRecord]) -> Floats:
    """Return the value of the axis `name` in each trial, choices by their index in the list."""
    return np.array([t.distributions[name].to_internal_repr(t.params[name]) for t in trials])


@dataclass(frozen=True, slots=True)
class _Grid:
    """Points of an axis at which the forest predicts, and the share of the axis at each."""

    points: Floats
    shares: Floats

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return _DRAWS of the points, each as often as its share says, in random order."""
        even = (np.arange(_DRAWS) + 0.5) / _DRAWS
        places = np.searchsorted(np.cumsum(self.shares), even).clip(max=len(self.points) - 1)
        drawn: Floats = self.points[rng.permutation(places)]
        return drawn

    def variance(self, means: Floats) -> float:
        """Return the variance over the axis of a function that is `means` at the points."""
        mean = np.average(means, weights=self.shares)
        return float(np.average(np.square(means - mean), weights=self.shares))


def _encoded(axis: _Axis, numbers: Floats, values: Floats, seed: int) -> tuple[Floats, _Grid]:
    """Return an axis on the forest's scale: the number of each trial, and the grid."""
    if isinstance(axis, CategoricalDistribution):
        places = np.arange(len(axis.choices))
        folds = KFold(5, shuffle=True, random_state=seed)
        encoder = TargetEncoder(categories=[places], target_type="continuous", cv=folds)
        column: Floats = encoder.fit_transform(numbers.astype(int)[:, None], values)[:, 0]
        points: Floats = encoder.transform(places[:, None])[:, 0]
        return column, _Grid(points, np.full(len(points), 1.0 / len(points)))
    return _on_scale(axis, numbers), _grid(axis)


def _grid(axis: _Range) -> _Grid:
    """Return the values of `axis`, or _GRID_POINTS midpoints where it has more."""
    step = axis.step or 0.0
    low, high = axis.low - step / 2.0, axis.high + step / 2.0  # samplers draw, then round
    if step and (high - low) / step < _GRID_POINTS + 0.5:
        values: Floats = axis.low + step * np.arange(round((high - low) / step), dtype=np.float64)
        edges = _on_scale(axis, np.append(values - step / 2.0, high))
        return _Grid(_on_scale(axis, values), np.diff(edges) / np.ptp(edges))
    start, end = _on_scale(axis, np.array([low, high]))
    edges = np.linspace(start, end, _GRID_POINTS + 1)
    return _Grid((edges[:-1] + edges[1:]) / 2.0, np.full(_GRID_POINTS, 1.0 / _GRID_POINTS))


def _on_scale(axis: _Range, numbers: Floats) -> Floats:
    return np.log(numbers) if axis.log else numbers


def _main_effects(
    forest: RandomForestRegressor, grids: Mapping[str, _Grid], rng: np.random.Generator
) -> dict[str, float]:
    """Return the variance over each axis of the forest's mean over draws of all others."""
    others = {name: grid.draw(rng) for name, grid in grids.items()}
    designs = [
        np.column_stack(
            [
                np.repeat(grid.points, _DRAWS) if name == axis else np.tile(drawn, len(grid.points))
                for name, drawn in others.items()
            ]
        )
        for axis, grid in grids.items()
    ]
    ends = np.cumsum([len(design) for design in designs])
    predictions = np.split(forest.predict(np.vstack(designs)), ends[:-1])
    return {
        axis: grid.variance(predicted.reshape(-1, _DRAWS).mean(1))
        for (axis, grid), predicted in zip(grids.items(), predictions, strict=True)
    }
