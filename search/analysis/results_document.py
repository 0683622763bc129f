"""The whole results of a study, from its recorded trials and runs.

The analysis of the trials that takes seconds (`analyze_trials`) is made once they are all in; the
rest is cheap enough to be made anew after every batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from search.analysis.candidates import (
    Candidate,
    current_runs,
    select_baseline,
    select_champions,
    select_entrants,
)
from search.analysis.importances import Importances, importances
from search.analysis.interactions import interactions, slope_effects
from search.analysis.search_summary import summarize, trial_summary
from search.analysis.verdict import confirmed_bests, verdict
from search.metrics import Direction, Metric
from search.study import ConfirmationRun, TestRun, TrialRecord
from search.study.results import Interaction, SlopeEffect, StudyResults, Verdict
from search.study_checks import CheckedStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAnalysis:
    """The parts of the results that take seconds to compute; empty until they have been."""

    importances: Importances = field(default_factory=Importances)
    interactions: Mapping[str, Interaction] = field(default_factory=dict)
    slope_effect: tuple[SlopeEffect, ...] = ()


def analyze_trials(objectives: Sequence[Metric], trials: Sequence[TrialRecord]) -> TrialAnalysis:
    """Return importances, interactions and slope effects by the first of the `objectives`."""
    sign = 1.0 if objectives[0].direction is Direction.MINIMIZE else -1.0
    return TrialAnalysis(
        importances=importances(trials, sign),
        interactions=interactions(trials, sign),
        slope_effect=slope_effects(trials),
    )


def results_document(
    study: CheckedStudy,
    trials: Sequence[TrialRecord],
    runs: Sequence[ConfirmationRun] = (),
    tests: Sequence[TestRun] = (),
    *,
    analysis: TrialAnalysis | None = None,
    is_over: bool = False,
) -> StudyResults:
    """Return the results that follow from the records.

    Runs of configurations that are no champions any more, since later trials were better, are left
    out. `analysis` is the last one made, None before the first. `verdict` is None without runs,
    unless the study `is_over` and had nothing to train again: it then says so.
    """
    metric, evaluation = study.objectives[0], study.spec.evaluation
    analysis = analysis or TrialAnalysis()
    directions = [str(objective.direction) for objective in study.objectives]
    summary = summarize(study.space, directions, trials)
    current = _current(study, trials, runs) if runs or is_over else ()
    counting = current_runs(runs, current)
    bests = confirmed_bests(counting, metric) if counting else {}
    has_nothing = is_over and evaluation.confirm_top > 0 and not current
    found = None
    if counting or has_nothing:
        found = _verdict(study, trials, counting, tests, analysis.importances)
    recommended = next(
        (trial for trial in trials if found is not None and trial.number == found.trial), None
    )
    return replace(
        summary,
        best=summary.best_trial if recommended is None else trial_summary(recommended),
        by_activation=tuple(
            replace(row, **asdict(bests[row.activation])) if row.activation in bests else row
            for row in summary.by_activation
        ),
        importances=analysis.importances.shares,
        importance_intervals=analysis.importances.intervals,
        importance_explained=analysis.importances.explained,
        importance_trials=analysis.importances.trials,
        importance_note=analysis.importances.note,
        interactions=analysis.interactions,
        slope_effect=analysis.slope_effect,
        verdict=found,
    )


def _current(
    study: CheckedStudy, trials: Sequence[TrialRecord], runs: Sequence[ConfirmationRun]
) -> tuple[Candidate, ...]:
    """Return the champions and the baseline, as the driver has them."""
    metric = study.objectives[0]
    top = study.spec.evaluation.confirm_top
    entrants = select_entrants(trials, study.arms, metric.direction, top)
    champions = select_champions(entrants, runs, metric)
    baseline = select_baseline(champions, trials, study.arms)
    return champions if baseline is None else (*champions, baseline)


def _verdict(
    study: CheckedStudy,
    trials: Sequence[TrialRecord],
    runs: Sequence[ConfirmationRun],
    tests: Sequence[TestRun],
    found: Importances,
) -> Verdict:
    tuned = Counter(study.arms.of(trial.params) for trial in trials)
    return verdict(
        runs,
        tests,
        study.objectives[0],
        arms=study.arms.names,
        question=study.spec.question,
        evaluation=study.spec.evaluation,
        least_repeats=study.spec.least_repeats,
        tuned={name: tuned[name] for name in study.arms.names},
        importances=found.shares if found.is_enough else {},
        objectives=len(study.objectives),
    )
