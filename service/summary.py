"""The results document of one study, kept up to date from its events."""

from __future__ import annotations

from collections.abc import Mapping

from search.contenders import config_key
from search.datasets import Dataset
from search.evidence import results_document
from search.metrics import check_objectives
from search.results import Json
from search.space import build_space
from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Event,
    Role,
    StudySpec,
    TestRun,
    TestsMade,
    TrialRecord,
    TrialsChanged,
)


class Summary:
    """Everything that the results of one study are made from."""

    def __init__(self, spec: StudySpec, dataset: Dataset) -> None:
        self._space = build_space(spec.space)
        self._objectives = check_objectives(spec.objectives, dataset.task)
        self._evaluation = spec.evaluation
        self._trials: dict[int, TrialRecord] = {}
        self._runs: dict[tuple[str, Role, int, int], ConfirmationRun] = {}
        self._tests: tuple[TestRun, ...] = ()

    def take(self, event: Event) -> None:
        """Take in what was tried, confirmed or tested."""
        if isinstance(event, TrialsChanged):
            self._trials |= {record.number: record for record in event.trials}
        elif isinstance(event, ConfirmationsMade):
            self._runs |= {
                (config_key(run.params), run.role, run.repeat, run.fold): run for run in event.runs
            }
            # What was tested before was the winner of fewer runs.
            self._tests = ()
        elif isinstance(event, TestsMade):
            self._tests = event.runs

    def document(self, *, final: bool) -> Mapping[str, Json]:
        """Return the document; what costs seconds is in it only where it is `final`."""
        return results_document(
            self._space,
            self._objectives,
            self._evaluation,
            list(self._trials.values()),
            list(self._runs.values()),
            self._tests,
            final=final,
        )
