"""How much each axis of the space matters, by functional ANOVA over a random forest.

The share of an axis is the variance of the first objective over the searched space that the axis
explains alone, the shares adding up to 1 (Hutter, Hoos & Leyton-Brown 2014, An Efficient Approach
for Assessing Hyperparameter Importance). What the forest says of an axis is its mean over draws of
all others, from the space as it is searched: rates evenly over their logarithm, one activation at a
time. The choices of a list are put in the order of their means, among which the best split of a
tree is the best of all (Breiman, Friedman, Olshen & Stone 1984, Classification and Regression
Trees).

Optuna's evaluator of the same name draws rates evenly over their range, and lets a network have
several activations or none, since each is a column of the forest. Of an objective whose shares are
known (activation 0.51, learning rate 0.43) it made 0.82 and 0.16 after 200 trials, and these, in a
quarter of the time, 0.50 and 0.46 after as many. Its default evaluator (PED-ANOVA) answers another
question, what it takes to be among the best tenth, and can give an activation that decides
everything nothing.

A slope, which exists only with its activation, has no share unless all trials have that activation;
its effect belongs to the activation's share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sklearn.ensemble import RandomForestRegressor

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
    values = _without_outliers(np.array([t.values[0] for t in chosen if t.values]), direction)
    if np.ptp(values) == 0.0 or not axes:
        return {}
    values = values / np.abs(values).max()
    columns, levels = {}, {}
    for name, axis in axes.items():
        columns[name], levels[name] = _encoded(axis, _numbers(name, chosen), values)
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
    low, high = np.quantile(values, [0.25, 0.75])
    reach = 1.5 * (high - low)
    minimize = direction == "minimize"
    return values.clip(max=high + reach) if minimize else values.clip(min=low - reach)


def _axes(trials: Sequence[TrialRecord]) -> dict[str, _Axis]:
    """Return the axes that exist in every trial."""
    shared = set.intersection(*(set(trial.distributions) for trial in trials))
    known = trials[0].distributions
    # Whatever else Optuna has is one of its deprecated kinds, which no space of ours makes.
    return {name: axis for name in sorted(shared) if isinstance(axis := known[name], _Axis)}


def _numbers(name: str, trials: Sequence[TrialRecord]) -> Floats:
    """Return what each trial has of an axis, choices by their place in the list."""
    return np.array([t.distributions[name].to_internal_repr(t.params[name]) for t in trials])


def _encoded(axis: _Axis, numbers: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return an axis as the forest sees it: `numbers` of the trials, and levels to be asked about.

    The levels are even over the axis as it is searched.
    """
    if isinstance(axis, CategoricalDistribution):
        places = _order(numbers.astype(int), len(axis.choices), values)
        return places[numbers.astype(int)], places
    scale = np.log if axis.log else np.asarray
    if isinstance(axis, IntDistribution) and (axis.high - axis.low) // axis.step < _LEVELS:
        levels = scale(np.arange(axis.low, axis.high + 1.0, axis.step))
    else:
        low, high = scale([axis.low, axis.high])
        levels = low + (high - low) * (np.arange(_LEVELS) + 0.5) / _LEVELS
    return scale(numbers), levels


def _order(choices: NDArray[np.int_], count: int, values: Floats) -> Floats:
    """Return each choice's place in the order of its mean; untried ones are in the middle."""
    # One trial as good as the average is added to each, so that few say less than many.
    sums = np.bincount(choices, values, count) + values.mean()
    means = sums / (np.bincount(choices, minlength=count) + 1.0)
    places: Floats = means.argsort(kind="stable").argsort().astype(np.float64)
    return places


def _main_effects(
    forest: RandomForestRegressor, levels: Mapping[str, Floats], rng: np.random.Generator
) -> dict[str, float]:
    """Return the variance over each axis of the forest's mean over draws of all others."""
    # Every level as often as any other, in random order: a Latin hypercube.
    others = {
        name: of[rng.permutation(np.arange(_DRAWS) * len(of) // _DRAWS)]
        for name, of in levels.items()
    }
    asked = [
        np.column_stack(
            [
                np.repeat(own, _DRAWS) if name == axis else np.tile(drawn, len(own))
                for name, drawn in others.items()
            ]
        )
        for axis, own in levels.items()
    ]
    answers = np.split(forest.predict(np.vstack(asked)), np.cumsum([len(a) for a in asked])[:-1])
    return {
        axis: float(answer.reshape(-1, _DRAWS).mean(1).var())
        for axis, answer in zip(levels, answers, strict=True)
    }
