"""The whole results document of a study, from its recorded trials and runs.

What costs seconds or needs all trials (importances, interactions, the verdict) is made only for the
final document; the rest is made anew after every batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from search.contenders import contenders, still_counting
from search.importances import importances
from search.interactions import interactions, slope_effects
from search.metrics import Direction, Metric
from search.results import Json, summarize
from search.space import SearchSpace
from search.study import ConfirmationRun, Evaluation, TestRun, TrialRecord
from search.verdict import own_best_rows, verdict

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


def results_document(
    space: SearchSpace,
    objectives: Sequence[Metric],
    evaluation: Evaluation,
    trials: Sequence[TrialRecord],
    runs: Sequence[ConfirmationRun] = (),
    tests: Sequence[TestRun] = (),
    *,
    final: bool,
) -> dict[str, Json]:
    """Return the part of the results document (API.md) that follows from what is on record.

    Runs of configurations that are no contenders any more, since later trials were better, are left
    out. `verdict` is None without runs, and where the document is not `final`.
    """
    metric = objectives[0]
    sign = 1.0 if metric.direction is Direction.MINIMIZE else -1.0
    current = contenders(trials, metric.direction, evaluation.confirm_top) if runs else ()
    counting = still_counting(runs, current)
    summary = summarize(space, [str(objective.direction) for objective in objectives], trials)
    own_best = own_best_rows(counting, metric)
    rows = cast(Sequence[Mapping[str, Json]], summary["by_activation"])
    shares = importances(str(metric.direction), trials) if final else {}
    return {
        **summary,
        "by_activation": [
            {**row, **own_best.get(str(row["activation"]), _UNCONFIRMED)} for row in rows
        ],
        "importances": shares,
        "interactions": interactions(trials, sign) if final else {},
        "slope_effect": slope_effects(trials) if final else [],
        "verdict": verdict(counting, tests, metric, shares) if final and counting else None,
    }
