"""Trials that other programs have added to a study, as its samplers can learn from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from optuna.trial import FixedTrial, TrialState

from search.driver.plan import StudyPlan
from search.errors import SearchError
from search.study import OutsideTrial, TrialRecord, TrialSource


def fitting(plan: StudyPlan, trials: Sequence[OutsideTrial]) -> Iterator[TrialRecord]:
    """Yield those that fit the space and the objectives of `plan`, as records without a number.

    A trial fits that names every searched axis which exists in it, no other axis than the space
    has, and values on them.
    """
    for trial in trials:
        if len(trial.values) != len(plan.objectives) or any(map(isnan, trial.values)):
            continue
        try:
            given = plan.space.check(trial.params)
            params = plan.space.suggest(FixedTrial(given))
        except (SearchError, ValueError):
            continue  # a value that cannot be, or an axis that is not named
        yield TrialRecord(
            number=-1,
            state=TrialState.COMPLETE,
            source=TrialSource.REQUESTED,
            params=params,
            distributions=plan.space.distributions(params),
            values=trial.values,
        )
