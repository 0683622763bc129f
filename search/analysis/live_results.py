"""The results document of one study, kept up to date from its events."""

from __future__ import annotations

from collections.abc import Mapping

from search.analysis.candidates import config_key
from search.analysis.results_document import UNSTUDIED, results_document, study_trials
from search.analysis.search_summary import Json
from search.data.datasets import Dataset
from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Event,
    Phase,
    PhaseStarted,
    Role,
    StudyEnded,
    StudySpec,
    StudyState,
    TestRun,
    TestsMade,
    TrialRecord,
    TrialsChanged,
)
from search.study_checks import check_study


class LiveResults:
    """Everything that the results of one study are made from.

    What costs seconds is made when a phase ends and kept until the next one has; a study that is
    extended shows its old verdict until it has a new one.
    """

    def __init__(
        self, spec: StudySpec, dataset: Dataset, *, before: Mapping[str, Json] | None = None
    ) -> None:
        """`before` is the document of an earlier run of the study, if there was one.

        Raises InvalidInput where the spec does not fit the dataset, see `check_study`.
        """
        checked = check_study(spec, dataset.describe())
        self._space = checked.space
        self._objectives = checked.objectives
        self._evaluation = spec.evaluation
        self._trials: dict[int, TrialRecord] = {}
        self._runs: dict[tuple[str, Role, int, int], ConfirmationRun] = {}
        self._tests: tuple[TestRun, ...] = ()
        known = before or {}
        self._studied = {name: known.get(name, nothing) for name, nothing in UNSTUDIED.items()}
        self._has_news = True
        self._verdict = known.get("verdict")
        self._is_confirmed = False

    def take(self, event: Event) -> None:
        """Take in what was tried, confirmed or tested, and where the study is."""
        match event:
            case TrialsChanged():
                self._trials |= {record.number: record for record in event.trials}
                self._has_news = True
            case ConfirmationsMade():
                self._runs |= {
                    (config_key(run.params), run.role, run.repeat, run.fold): run
                    for run in event.runs
                }
            case TestsMade():
                self._tests = event.runs
                self._is_confirmed = True
            case PhaseStarted():
                self._is_confirmed = event.phase is Phase.TEST
            case StudyEnded(state=StudyState.COMPLETED):
                self._is_confirmed = True

    def document(self, *, phase_ended: bool) -> dict[str, Json]:
        """Return the document; takes seconds where a phase has just ended."""
        if phase_ended and self._has_news:
            self._studied = study_trials(self._objectives, list(self._trials.values()))
            self._has_news = False
        document = results_document(
            self._space,
            self._objectives,
            self._evaluation,
            list(self._trials.values()),
            # Half a confirmation would favour whoever was trained first.
            list(self._runs.values()) if self._is_confirmed else [],
            self._tests,
            studied=self._studied,
            is_over=self._is_confirmed,
        )
        if self._is_confirmed:
            self._verdict = document["verdict"]
        return {**document, "verdict": self._verdict}
