"""The results of one study, kept up to date from its events."""

from __future__ import annotations

from dataclasses import replace

from search.analysis.candidates import config_key
from search.analysis.importances import Importances
from search.analysis.results_document import TrialAnalysis, analyze_trials, results_document
from search.data.datasets import Dataset
from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Event,
    Phase,
    PhaseStarted,
    StudyEnded,
    StudyResults,
    StudySpec,
    StudyState,
    TestRun,
    TestsMade,
    TrialRecord,
    TrialsChanged,
)
from search.study_checks import check_study


class LiveResults:
    """A projection of a study's events onto its results.

    The analysis that takes seconds is made when a phase ends and kept until the next one has ended;
    a study that is extended shows its old verdict until it has a new one.
    """

    def __init__(
        self, spec: StudySpec, dataset: Dataset, *, before: StudyResults | None = None
    ) -> None:
        """Begin with the results `before`, of an earlier run of the study, if there was one.

        Raises InvalidInput where the spec does not fit the dataset, see `check_study`.
        """
        self._study = check_study(spec, dataset.describe())
        self._trials: dict[int, TrialRecord] = {}
        self._runs: dict[tuple[object, ...], ConfirmationRun] = {}
        self._tests: tuple[TestRun, ...] = ()
        before = before or StudyResults()
        self._analysis = TrialAnalysis(
            importances=Importances(
                shares=before.importances,
                intervals=before.importance_intervals,
                explained=before.importance_explained,
                trials=before.importance_trials,
                note=before.importance_note,
            ),
            interactions=before.interactions,
            slope_effect=before.slope_effect,
        )
        self._is_analysis_old = True
        self._verdict = before.verdict
        self._is_confirmed = False

    def apply(self, event: Event) -> None:
        """Add the trials, runs, tests or the phase that `event` reports."""
        match event:
            case TrialsChanged():
                self._trials |= {record.number: record for record in event.trials}
                self._is_analysis_old = True
            case ConfirmationsMade():
                self._runs |= {
                    (
                        config_key(run.params),
                        run.role,
                        run.search,
                        run.stage,
                        run.repeat,
                        run.fold,
                    ): run
                    for run in event.runs
                }
            case TestsMade():
                self._tests = event.runs
                self._is_confirmed = True
            case PhaseStarted():
                self._is_confirmed = event.phase is Phase.TEST
            case StudyEnded(state=StudyState.COMPLETED | StudyState.FAILED):
                self._is_confirmed = True

    def to_document(self, *, phase_ended: bool) -> StudyResults:
        """Return the results; takes seconds where a phase has just ended."""
        if phase_ended and self._is_analysis_old:
            self._analysis = analyze_trials(self._study.objectives, list(self._trials.values()))
            self._is_analysis_old = False
        results = results_document(
            self._study,
            list(self._trials.values()),
            # Half a confirmation would favour the configurations that were trained first.
            list(self._runs.values()) if self._is_confirmed else [],
            self._tests,
            analysis=self._analysis,
            is_over=self._is_confirmed,
        )
        if self._is_confirmed:
            self._verdict = results.verdict
        return replace(results, verdict=self._verdict)
