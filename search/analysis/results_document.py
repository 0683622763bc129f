"""The whole results of a study, from its recorded trials and runs.

The analysis of the trials that takes seconds (`analyze_trials`) is made once they are all in; the
rest is cheap enough to be made anew after every batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from search.analysis.candidates import current_runs, select_candidates
from search.analysis.importances import importances
from search.analysis.interactions import interactions, slope_effects
from search.analysis.search_summary import summarize
from search.analysis.verdict import confirmed_bests, verdict
from search.metrics import Direction, Metric
from search.space import SearchSpace
from search.study import ConfirmationRun, Evaluation, Role, TestRun, TrialRecord
from search.study.results import Interaction, SlopeEffect, StudyResults


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAnalysis:
    """The parts of the results that take seconds to compute; empty until they have been."""

    importances: Mapping[str, float] = field(default_factory=dict)
    interactions: Mapping[str, Interaction] = field(default_factory=dict)
    slope_effect: tuple[SlopeEffect, ...] = ()


def analyze_trials(objectives: Sequence[Metric], trials: Sequence[TrialRecord]) -> TrialAnalysis:
    """Return importances, interactions and slope effects by the first of the `objectives`."""
    metric = objectives[0]
    sign = 1.0 if metric.direction is Direction.MINIMIZE else -1.0
    return TrialAnalysis(
        importances=importances(str(metric.direction), trials),
        interactions=interactions(trials, sign),
        slope_effect=slope_effects(trials),
    )


def results_document(
    space: SearchSpace,
    objectives: Sequence[Metric],
    evaluation: Evaluation,
    trials: Sequence[TrialRecord],
    runs: Sequence[ConfirmationRun] = (),
    tests: Sequence[TestRun] = (),
    *,
    analysis: TrialAnalysis | None = None,
    is_over: bool = False,
) -> StudyResults:
    """Return the results that follow from the records.

    Runs of configurations that are no candidates any more, since later trials were better, are left
    out. `analysis` is the last one made, None before the first. `verdict` is None without runs,
    unless the study `is_over` and had nothing to train again: it then says so.
    """
    metric = objectives[0]
    analysis = analysis or TrialAnalysis()
    current = select_candidates(trials, metric.direction, evaluation.confirm_top)
    counting = current_runs(runs, current)
    summary = summarize(space, [str(objective.direction) for objective in objectives], trials)
    bests = confirmed_bests(counting, metric) if counting else {}
    candidates = {c.activation for c in current if Role.CANDIDATE in c.roles}
    has_nothing = is_over and evaluation.confirm_top > 0 and not current
    unconfirmed = [name for name in space.activations if name not in candidates]
    return replace(
        summary,
        by_activation=tuple(
            replace(row, **asdict(bests[row.activation])) if row.activation in bests else row
            for row in summary.by_activation
        ),
        importances=analysis.importances,
        interactions=analysis.interactions,
        slope_effect=analysis.slope_effect,
        verdict=verdict(counting, tests, metric, analysis.importances, unconfirmed=unconfirmed)
        if counting or has_nothing
        else None,
    )
