"""The results say what is known at each moment, and no verdict before there is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from optuna.trial import TrialState

from search.analysis.live_results import LiveResults
from search.data.datasets import Dataset, load_builtin
from search.driver import run_study
from search.study import (
    Budget,
    Choices,
    ConfirmationsMade,
    Evaluation,
    Event,
    Phase,
    PhaseStarted,
    Progress,
    PrunerSpec,
    Range,
    StudyEnded,
    StudySpec,
    StudyState,
    TrialsChanged,
)
from search.study.results import StudyResults
from service.cli.console_tables import progress_bar, results_table, show_progress

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh")),
        "depth": Range(low=1, high=2),
        "width": Choices(values=(8,)),
    },
    pruner=PrunerSpec(name="none"),
    budget=Budget(trials=96, epochs=3),
    evaluation=Evaluation(folds=2, confirm_top=2, confirm_repeats=3),
)


@pytest.fixture(scope="module")
def events(iris: Dataset) -> list[Event]:
    return list(run_study(SPEC, iris))


def after(
    events: Iterable[Event],
    iris: Dataset,
    *,
    phase_ended: bool = True,
    before: StudyResults | None = None,
) -> StudyResults:
    live = LiveResults(SPEC, iris, before=before)
    for event in events:
        live.apply(event)
    return live.to_document(phase_ended=phase_ended)


def until(events: list[Event], kind: object) -> list[Event]:
    return events[: next(i for i, e in enumerate(events) if kind in (e, type(e))) + 1]


def test_the_verdict_comes_with_the_end_of_the_confirmation(
    events: list[Event], iris: Dataset
) -> None:
    searched = after(until(events, PhaseStarted(phase=Phase.CONFIRM)), iris)
    assert searched.importances
    assert searched.best == searched.best_trial
    assert searched.verdict is None
    halfway = after(until(events, ConfirmationsMade), iris)
    assert halfway.verdict is None
    assert {row.n for row in halfway.by_activation} == {None}
    confirmed = after(until(events, PhaseStarted(phase=Phase.TEST)), iris)
    assert confirmed.verdict.sentence
    assert confirmed.verdict.test is None
    whole = after(events, iris)
    assert whole.verdict.test.winner.score > 0
    assert {row.n for row in whole.by_activation} <= {4, 6}
    assert whole.best.number == whole.verdict.trial
    assert whole.best_trial == searched.best_trial


def test_what_takes_seconds_is_made_when_a_phase_ends_and_kept(
    events: list[Event], iris: Dataset
) -> None:
    live = LiveResults(SPEC, iris)
    for event in until(events, PhaseStarted(phase=Phase.CONFIRM)):
        live.apply(event)
    assert live.to_document(phase_ended=False).importances == {}
    found = live.to_document(phase_ended=True).importances
    assert found
    assert live.to_document(phase_ended=False).importances == found


def test_an_extended_study_shows_its_old_verdict_until_it_has_a_new_one(
    events: list[Event], iris: Dataset
) -> None:
    before = after(events, iris)
    trials = tuple(t for e in events if isinstance(e, TrialsChanged) for t in e.trials)
    again: list[Event] = [TrialsChanged(trials=trials), PhaseStarted(phase=Phase.SEARCH)]
    during = after(again, iris, phase_ended=False, before=before)
    assert during.verdict == before.verdict
    assert during.importances == before.importances
    confirming = [*again, PhaseStarted(phase=Phase.CONFIRM)]
    assert after(confirming, iris, before=before).verdict == before.verdict
    runs = next(e for e in events if isinstance(e, ConfirmationsMade)).runs[:1]
    ended = [
        *confirming,
        ConfirmationsMade(runs=runs),
        StudyEnded(state=StudyState.COMPLETED),
    ]
    assert after(ended, iris, before=before).verdict != before.verdict


@pytest.mark.parametrize("state", [StudyState.CANCELLED, StudyState.PAUSED])
def test_half_a_confirmation_gives_no_verdict(
    state: StudyState, events: list[Event], iris: Dataset
) -> None:
    stopped = [*until(events, ConfirmationsMade), StudyEnded(state=state)]
    assert after(stopped, iris).verdict is None


def test_a_study_without_confirmation_has_no_verdict(iris: Dataset) -> None:
    spec = replace(SPEC, evaluation=replace(SPEC.evaluation, confirm_top=0))
    assert after(run_study(spec, iris), iris).verdict is None


def test_the_terminal_shows_the_verdict_and_the_test(
    events: list[Event], iris: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console  # noqa: PLC0415 - binds to the captured stream

    document = after(events, iris)
    Console(width=100).print(results_table(document))
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    assert document.verdict.sentence in words
    for word in ("held-out test rows", "linear", "trivial", "trained anew"):
        assert word in words
    Console(width=100).print(results_table(after(until(events, ConfirmationsMade), iris)))
    assert "trained anew" not in capsys.readouterr().out


def test_the_bar_counts_trials_and_then_confirmations() -> None:
    now = {
        "trials_finished": 3,
        "trials_total": 10,
        "trials_per_second": 2.0,
        "best_value": 0.5,
        "confirmations_finished": 7,
        "confirmations_total": 40,
    }
    with progress_bar() as bar:
        task = bar.add_task("", total=None, best="", rate="")
        for phase, done, total in (("search", 3, 10), ("confirm", 7, 40), (None, 3, 10)):
            show_progress(bar, task, phase, now)
            assert (bar.tasks[0].completed, bar.tasks[0].total) == (done, total)
    assert set(now) <= set(Progress.__dataclass_fields__)


def test_a_study_in_which_every_trial_fails_says_that_nothing_could_be_confirmed() -> None:
    # identity layers at a rate of 10 are not finite after one epoch
    space = {
        "activation": Choices(values=("identity", "relu")),
        "depth": Choices(values=(8,)),
        "width": Choices(values=(32,)),
        "learning_rate": Choices(values=(10.0,)),
        "optimizer": Choices(values=("sgd",)),
    }
    spec = replace(SPEC, dataset="diabetes", space=space)
    diabetes = load_builtin("diabetes")
    live = LiveResults(spec, diabetes)
    for event in run_study(spec, diabetes):
        if isinstance(event, StudyEnded):
            assert live.to_document(phase_ended=True).verdict is None
        live.apply(event)
    document = live.to_document(phase_ended=True)
    assert [row.completed for row in document.by_activation] == [0, 0]
    verdict = document.verdict
    assert (verdict.outcome, verdict.winner, verdict.test) == ("undecided", None, None)
    assert verdict.sentence == (
        "Nothing could be confirmed; no trial of Identity or ReLU came far enough, so they were "
        "not confirmed."
    )


def test_an_activation_that_no_complete_trial_had_is_named(
    events: list[Event], iris: Dataset
) -> None:
    # tanh's trials all pruned, as if by a pruner
    pruned: list[Event] = [
        TrialsChanged(
            trials=tuple(
                replace(trial, state=TrialState.PRUNED, values=None, intermediate_values={})
                for event in events
                if isinstance(event, TrialsChanged)
                for trial in event.trials
                if trial.activation == "tanh"
            )
        )
    ]
    document = after([*events, *pruned], iris)
    assert document.verdict.unconfirmed == ("tanh",)
    assert "no trial of Tanh came far enough" in document.verdict.sentence
    assert after(events, iris).verdict.unconfirmed == ()
