"""How much each axis of the space matters, by functional ANOVA over a random forest.

The share of an axis is the variance of the first objective over the searched space that the axis
explains alone, the shares adding up to 1 (Hutter, Hoos & Leyton-Brown 2014, An Efficient Approach
for Assessing Hyperparameter Importance). What the forest says of an axis is its mean over draws of
all others, from the space as it is searched: rates evenly over their logarithm, one activation at a
time. The choices of a list are put on a scale by their means (Micci-Barreca 2001, A Preprocessing
Scheme for High-Cardinality Categorical Attributes), each trial's by the means of other trials, so
that an activation of one lucky trial explains nothing.

Optuna's evaluator of the same name draws rates evenly over their range, and lets a network have
several activations or none, since each is a column of the forest. Of an objective whose shares are
known (activation 0.51, learning rate 0.43) it made 0.82 and 0.16 after 200 trials, and these, in a
quarter of the time, 0.51 and 0.46 after as many. Its default evaluator (PED-ANOVA) answers another
question, what it takes to be among the best tenth, and can give an activation that decides
everything nothing.

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

#: Below this a forest of regression trees says nothing.
LEAST_TRIALS = 8
#: More trials than this cost time and change little; an even selection over time is taken.
MOST_TRIALS = 1000
#: With half as many, shares of the same trials differ by half as much again from seed to seed.
_TREES = 64
#: Values of an axis that the forest is asked about, where there are more.
_LEVELS = 16
#: Draws of the other axes at each of them; 256 change shares by less than seeds do.
_DRAWS = 64


def importances(
    direction: str, trials: Sequence[TrialRecord], *, seed: int = 0
) -> dict[str, float]:
    """Return the share of each searched axis, the greatest first; empty where nothing can be said.

    `direction` is that of the first objective. Takes a tenth of a second, up to half a second for
    a thousand trials or many axes, so it is for every now and then, not for every batch.
    """
    complete = [t for t in trials if t.state is TrialState.COMPLETE and t.values]
    finite = [t for t in complete if np.isfinite(t.values or ()).all()]
    if len(finite) < LEAST_TRIALS:
        return {}
    chosen = [finite[i] for i in _evenly(len(finite), MOST_TRIALS)]
    axes = _axes(chosen)
    values = np.array([t.values[0] for t in chosen if t.values])
    if np.ptp(values / 2.0) == 0.0 or not axes:
        return {}
    values = _without_outliers(values / np.abs(values).max(), direction)
    values = (values - values.min()) / np.ptp(values)  # a tree takes tiny differences for none
    columns, levels = {}, {}
    for name, axis in axes.items():
        columns[name], levels[name] = _encoded(axis, _numbers(name, chosen), values, seed)
    forest = RandomForestRegressor(_TREES, random_state=seed)
    forest.fit(np.column_stack(list(columns.values())), values)
    variances = _main_effects(forest, levels, np.random.default_rng(seed))
    total = sum(variances.values())
    ranked = sorted(variances.items(), key=lambda item: -item[1])
    return {name: variance / total for name, variance in ranked} if total > 0.0 else {}


def _evenly(count: int, most: int) -> NDArray[np.int_]:
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
    # Whatever else Optuna has is one of its deprecated kinds, which no space of ours makes.
    return {name: axis for name in sorted(shared) if isinstance(axis := known[name], _Axis)}


def _numbers(name: str, trials: Sequence[TrialRecord]) -> Floats:
    """Return what each trial has of an axis, choices by their place in the list."""
    return np.array([t.distributions[name].to_internal_repr(t.params[name]) for t in trials])


@dataclass(frozen=True, slots=True)
class _Levels:
    """Values of an axis that the forest is asked about, and the share of the axis at each."""

    at: Floats
    shares: Floats

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return _DRAWS of them, each as often as its share says, in random order."""
        even = (np.arange(_DRAWS) + 0.5) / _DRAWS
        places = np.searchsorted(np.cumsum(self.shares), even).clip(max=len(self.at) - 1)
        drawn: Floats = self.at[rng.permutation(places)]
        return drawn

    def variance(self, means: Floats) -> float:
        """Return the variance over the axis of what is `means` at the levels."""
        mean = np.average(means, weights=self.shares)
        return float(np.average(np.square(means - mean), weights=self.shares))


def _encoded(axis: _Axis, numbers: Floats, values: Floats, seed: int) -> tuple[Floats, _Levels]:
    """Return an axis as the forest sees it: a number a trial, and its levels."""
    if isinstance(axis, CategoricalDistribution):
        places = np.arange(len(axis.choices))
        folds = KFold(5, shuffle=True, random_state=seed)
        encoder = TargetEncoder(categories=[places], target_type="continuous", cv=folds)
        column: Floats = encoder.fit_transform(numbers.astype(int)[:, None], values)[:, 0]
        at: Floats = encoder.transform(places[:, None])[:, 0]
        return column, _Levels(at, np.full(len(at), 1.0 / len(at)))
    return _on_scale(axis, numbers), _levels(axis)


def _levels(axis: _Range) -> _Levels:
    step = axis.step or 0.0
    low, high = axis.low - step / 2.0, axis.high + step / 2.0  # what is drawn, then rounded
    if step and (high - low) / step < _LEVELS + 0.5:
        values: Floats = axis.low + step * np.arange(round((high - low) / step), dtype=np.float64)
        edges = _on_scale(axis, np.append(values - step / 2.0, high))
        return _Levels(_on_scale(axis, values), np.diff(edges) / np.ptp(edges))
    start, end = _on_scale(axis, np.array([low, high]))
    edges = np.linspace(start, end, _LEVELS + 1)
    return _Levels((edges[:-1] + edges[1:]) / 2.0, np.full(_LEVELS, 1.0 / _LEVELS))


def _on_scale(axis: _Range, numbers: Floats) -> Floats:
    return np.log(numbers) if axis.log else numbers


def _main_effects(
    forest: RandomForestRegressor, levels: Mapping[str, _Levels], rng: np.random.Generator
) -> dict[str, float]:
    """Return the variance over each axis of the forest's mean over draws of all others."""
    others = {name: of.draw(rng) for name, of in levels.items()}
    asked = [
        np.column_stack(
            [
                np.repeat(own.at, _DRAWS) if name == axis else np.tile(drawn, len(own.at))
                for name, drawn in others.items()
            ]
        )
        for axis, own in levels.items()
    ]
    answers = np.split(forest.predict(np.vstack(asked)), np.cumsum([len(a) for a in asked])[:-1])
    return {
        axis: own.variance(answer.reshape(-1, _DRAWS).mean(1))
        for (axis, own), answer in zip(levels.items(), answers, strict=True)
    }
