"""How much each axis of the space matters, by fANOVA.

The share of an axis is the variance of the first objective over the searched space that the axis
explains alone (Hutter, Hoos & Leyton-Brown 2014), the shares adding up to 1. Optuna's default
evaluator (PED-ANOVA) answers another question, what it takes to be among the best tenth, and can
give an activation that decides everything a share near zero.

fANOVA needs axes that exist in every trial. A slope, which exists only with its activation, has
no share unless all trials have that activation; its effect belongs to the activation's share.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.importance import FanovaImportanceEvaluator
from optuna.samplers import RandomSampler
from optuna.study import Study, StudyDirection, create_study
from optuna.trial import TrialState, create_trial

from search.study import TrialRecord

_logger = logging.getLogger(__name__)

#: Below this a forest of regression trees says nothing.
LEAST_TRIALS = 8
#: More trials than this cost seconds and change little; an even selection over time is taken.
MOST_TRIALS = 1000
#: Optuna's defaults, 64 trees of depth 64, take 42 s for 1,000 trials and 9.6 s for 200. These take
#: 0.4 s for 200; three seeds gave shares within 0.02 of those (0.81, 0.76, 0.80 for the greatest
#: against 0.80, 0.76, 0.80), while a depth of 8 took 1.3 s and was up to 0.06 off.
TREES, DEPTH = 32, 6


def importances(
    direction: str, trials: Sequence[TrialRecord], *, seed: int = 0
) -> dict[str, float]:
    """Return the share of each searched axis, the greatest first; empty where nothing can be said.

    `direction` is that of the first objective. Never raises: it is an extra to the results. Takes
    up to about a second, so it is for every now and then, not for every batch.
    """
    complete = [t for t in trials if t.state is TrialState.COMPLETE and t.values]
    finite = [t for t in complete if np.isfinite(t.values or ()).all()]
    if len(finite) < LEAST_TRIALS:
        return {}
    chosen = [finite[i] for i in _evenly(len(finite), MOST_TRIALS)]
    values = _without_outliers(np.array([t.values[0] for t in chosen if t.values]), direction)
    if np.ptp(values) == 0.0:
        return {}
    try:
        forest = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=seed)
        shares = forest.evaluate(_study(direction, chosen, values))
    except (RuntimeError, ValueError):  # the forest found no variance to share out
        _logger.warning("importances could not be computed", exc_info=True)
        return {}
    total = sum(shares.values())
    return {name: float(share / total) for name, share in shares.items()} if total > 0.0 else {}


def _evenly(count: int, most: int) -> NDArray[np.int_]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _without_outliers(values: NDArray[np.float64], direction: str) -> NDArray[np.float64]:
    """Cut the bad end at Tukey's fence, 1.5 interquartile ranges out.

    The loss of a network that nearly diverged can be 1e6 times the usual one; the variance, and so
    every share, would be about that one trial.
    """
    low, high = np.quantile(values, [0.25, 0.75])
    reach = 1.5 * (high - low)
    minimize = direction == "minimize"
    return values.clip(max=high + reach) if minimize else values.clip(min=low - reach)


def _study(direction: str, trials: Sequence[TrialRecord], values: NDArray[np.float64]) -> Study:
    study = create_study(direction=StudyDirection[direction.upper()], sampler=RandomSampler(seed=0))
    study.add_trials(
        create_trial(
            value=float(value),
            params={name: trial.params[name] for name in trial.distributions},
            distributions=dict(trial.distributions),
        )
        for trial, value in zip(trials, values, strict=True)
    )
    return study
