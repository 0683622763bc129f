"""The whole results document of a study, from its recorded trials and runs.

What follows from trials alone but costs seconds (`study_trials`) is made once they are all in; the
rest is cheap enough to be made anew after every batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from search.analysis.candidates import current_runs, select_candidates
from search.analysis.importances import importances
from search.analysis.interactions import interactions, slope_effects
from search.analysis.search_summary import Json, summarize
from search.analysis.verdict import own_best_rows, verdict
from search.metrics import Direction, Metric
from search.space import SearchSpace
from search.study import ConfirmationRun, Evaluation, Role, TestRun, TrialRecord

#: What `by_activation` says of an activation that was not confirmed.
_UNCONFIRMED: Mapping[str, Json] = dict.fromkeys(
    (
        "confirmed_number",
        "n",
        "mean",
        "sd",
        "worst",
        "ci_low",
        "ci_high",
        "confirmed_failures",
    )
)


#: What is said of the trials before `study_trials` has looked at them.
UNSTUDIED: Mapping[str, Json] = {"importances": {}, "interactions": {}, "slope_effect": []}


def study_trials(objectives: Sequence[Metric], trials: Sequence[TrialRecord]) -> dict[str, Json]:
    """Return `importances`, `interactions` and `slope_effect` of the results document."""
    metric = objectives[0]
    sign = 1.0 if metric.direction is Direction.MINIMIZE else -1.0
    return {
        "importances": importances(str(metric.direction), trials),
        "interactions": interactions(trials, sign),
        "slope_effect": slope_effects(trials),
    }


def results_document(
    space: SearchSpace,
    objectives: Sequence[Metric],
    evaluation: Evaluation,
    trials: Sequence[TrialRecord],
    runs: Sequence[ConfirmationRun] = (),
    tests: Sequence[TestRun] = (),
    *,
    studied: Mapping[str, Json] = UNSTUDIED,
    is_over: bool = False,
) -> dict[str, Json]:
    """Return the part of the results document (API.md) that follows from what is on record.

    Runs of configurations that are no candidates any more, since later trials were better, are left
    out. `studied` is what `study_trials` returned. `verdict` is None without runs, unless the
    study `is_over` and had nothing to train again: it then says so.
    """
    metric = objectives[0]
    current = select_candidates(trials, metric.direction, evaluation.confirm_top)
    counting = current_runs(runs, current)
    summary = summarize(space, [str(objective.direction) for objective in objectives], trials)
    own_best = own_best_rows(counting, metric) if counting else {}
    rows = cast(Sequence[Mapping[str, Json]], summary["by_activation"])
    shares = cast(Mapping[str, float], studied["importances"])
    candidates = {c.activation for c in current if Role.CANDIDATE in c.roles}
    has_nothing = is_over and evaluation.confirm_top > 0 and not current
    unconfirmed = [name for name in space.activations if name not in candidates]
    return {
        **summary,
        "by_activation": [
            {**row, **own_best.get(str(row["activation"]), _UNCONFIRMED)} for row in rows
        ],
        **studied,
        "verdict": verdict(counting, tests, metric, shares, unconfirmed=unconfirmed)
        if counting or has_nothing
        else None,
    }
