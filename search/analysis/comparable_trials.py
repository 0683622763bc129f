"""The trials whose scores can be compared: drawn at random, and trained to the end whatever came.

A sampler visits good regions more often, and pruning hides the scores of bad ones; what survives
both says little of the axes. So some trials of every arm and search are drawn at random and never
pruned (`search.driver.ask_tell`). One that failed has the worst of all scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState
from scipy.stats import rankdata

from search.study import TrialRecord, TrialSource

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparableTrials:
    """Trials with the ranks of their scores."""

    trials: tuple[TrialRecord, ...]
    #: `(n,)` ranks from 1 on, equal scores sharing theirs; those of failed trials are the worst.
    ranks: Floats


def comparable_trials(trials: Sequence[TrialRecord], sign: float) -> ComparableTrials:
    """Return the comparable ones of `trials`; `sign` is 1 where less is better, -1 where more."""
    used, scores = [], []
    for trial in trials:
        if trial.source is not TrialSource.STRATIFIED:
            continue
        if trial.state is TrialState.COMPLETE and trial.values:
            score = sign * trial.values[0]
            used.append(trial)
            scores.append(score if isfinite(score) else np.inf)
        elif trial.state is TrialState.FAIL and "cancelled" not in trial.flags:
            used.append(trial)
            scores.append(np.inf)
    return ComparableTrials(trials=tuple(used), ranks=np.asarray(rankdata(scores), dtype=float))
