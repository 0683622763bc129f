"""What is said of a study in which no trial completed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from optuna.trial import TrialState

from search.data.datasets import load_builtin
from search.driver import run_study
from search.driver.common_failure import common_failure
from search.study import (
    Budget,
    Choices,
    Evaluation,
    StudyEnded,
    StudySpec,
    StudyState,
    TrialRecord,
    TrialSource,
)


def trial(number: int, error: str | None) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=TrialState.FAIL if error else TrialState.COMPLETE,
        source=TrialSource.SAMPLER,
        params={"activation": "relu"},
        distributions={},
        started_at=datetime.now(UTC),
        error=error,
    )


def test_the_most_common_cause_is_named_once_whatever_the_numbers() -> None:
    trials = [
        trial(0, "mse is nan on the validation rows"),
        trial(1, "training loss became inf by epoch 3 in fold 0 (depth 2); lower it"),
        trial(2, "training loss became nan by epoch 9 in fold 1 (depth 5); lower it"),
    ]
    assert common_failure(trials) == (
        "none of 3 trials completed; 2 of 3 that failed share a cause, here in the words of "
        "trial 1: training loss became inf by epoch 3 in fold 0 (depth 2); lower it"
    )


def test_nothing_is_said_where_a_trial_completed_or_none_was_begun() -> None:
    failed = trial(0, "training loss became inf")
    assert common_failure([failed, trial(1, None)]) is None
    assert common_failure([replace(failed, state=TrialState.PRUNED)]) is None
    assert common_failure([]) is None


def test_a_study_that_only_diverges_has_failed_and_says_why() -> None:
    spec = StudySpec(
        dataset="diabetes",
        space={
            "activation": Choices(values=("relu",)),
            "optimizer": Choices(values=("sgd",)),
            "learning_rate": Choices(values=(10.0,)),
            "depth": Choices(values=(6,)),
        },
        budget=Budget(trials=3, epochs=4),
        evaluation=Evaluation(folds=2),
    )
    *_, end = run_study(spec, load_builtin("diabetes"))
    assert isinstance(end, StudyEnded)
    assert end.state is StudyState.FAILED
    assert end.error is not None
    assert end.error.startswith("none of 3 trials completed; all 3 that failed share a cause")
    assert "lower the learning rate" in end.error
