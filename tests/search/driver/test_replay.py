"""A study interrupted anywhere ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from optuna.trial import TrialState

from search.data.datasets import Dataset
from search.driver import run_study
from search.study import (
    Budget,
    Choices,
    Control,
    Evaluation,
    Event,
    Noted,
    PrunerSpec,
    Range,
    SamplerSpec,
    Stop,
    StudySpec,
    TrialRecord,
    TrialRequest,
    TrialSource,
)
from tests.search.driver.events import trials_of

#: Learning rates reach where trainings diverge, so that every end of a trial occurs.
SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh", "silu")),
        "width": Choices(values=(8, 16)),
        "depth": Range(low=1, high=5),
        "normalization": Choices(values=("none",)),
        "learning_rate": Range(low=1e-3, high=10.0, log=True),
        "optimizer": Choices(values=("sgd",)),
        "weight_decay": Choices(values=(0.0,)),
    },
    budget=Budget(trials=60, epochs=18),
    evaluation=Evaluation(searches=2, folds=2, test_fraction=0.2, confirm_top=0),
)
SPECS: dict[str, StudySpec] = {
    "tpe": SPEC,
    "random": replace(SPEC, sampler=SamplerSpec(name="random", seed=3)),
    "qmc": replace(SPEC, sampler=SamplerSpec(name="qmc")),
    "gp": replace(SPEC, sampler=SamplerSpec(name="gp"), budget=Budget(trials=30, epochs=9)),
    "grid": replace(
        SPEC,
        sampler=SamplerSpec(name="grid"),
        space={**SPEC.space, "learning_rate": Choices(values=(0.01, 0.1, 10.0))},
    ),
    "two objectives": replace(
        SPEC,
        sampler=SamplerSpec(name="nsgaii"),
        objectives=("log_loss", "parameters"),
        pruner=PrunerSpec(name="none"),
    ),
    "hyperband": replace(SPEC, pruner=PrunerSpec(name="hyperband")),
    "median": replace(SPEC, pruner=PrunerSpec(name="median")),
    "one sampler": replace(SPEC, sampler=SamplerSpec(min_trials_per_activation=4)),
}


def outcome(trials: Sequence[TrialRecord]) -> dict[int, Any]:
    """What a trial is and found, by number: all but times."""
    return {
        r.number: repr(replace(r, started_at=None, finished_at=None, fit_seconds=0.0))
        for r in trials
    }


def resumed(
    spec: StudySpec, dataset: Dataset, seen: Sequence[Event], **more: Any
) -> tuple[list[Event], tuple[TrialRecord, ...]]:
    """Return the events of a run that goes on after `seen`, and all trials at its end."""
    before = trials_of(seen)
    after = list(run_study(spec, dataset, history=before, **more))
    return after, trials_of([*seen, *after])


@pytest.mark.parametrize("name", SPECS)
def test_a_study_interrupted_anywhere_ends_as_the_undisturbed(name: str, iris: Dataset) -> None:
    spec = SPECS[name]
    events = list(run_study(spec, iris))
    whole = outcome(trials_of(events))
    for at in (3, len(events) // 3, len(events) // 2, len(events) - 3):
        after, trials = resumed(spec, iris, events[:at])
        assert outcome(trials) == whole
        assert not any(isinstance(event, Noted) for event in after)


def test_every_end_of_a_trial_is_repeated(iris: Dataset) -> None:
    trials = trials_of(run_study(SPEC, iris))
    states = {record.state for record in trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    rungs = {record.rungs for record in trials if record.state is TrialState.FAIL}
    assert max(rungs) > 1, "a training fails after a rung that it has passed"


def test_a_study_interrupted_again_and_again_ends_as_the_undisturbed(iris: Dataset) -> None:
    whole = outcome(trials_of(run_study(SPEC, iris)))
    seen: list[Event] = []
    for _ in range(15):
        history = trials_of(seen)
        seen += islice(run_study(SPEC, iris, history=history), 25)
    assert outcome(trials_of(seen)) == whole


def test_nothing_that_is_recorded_is_yielded_again(iris: Dataset) -> None:
    events = list(run_study(SPEC, iris))
    seen = events[: len(events) // 2]
    finished = {r.number for r in trials_of(seen) if r.state.is_finished()}
    after, _ = resumed(SPEC, iris, seen)
    assert finished
    assert finished.isdisjoint(record.number for record in trials_of(after))


def test_a_paused_study_goes_on_as_the_undisturbed(iris: Dataset) -> None:
    whole = outcome(trials_of(run_study(SPEC, iris)))

    def paused() -> Iterator[Control]:
        for _ in range(12):
            yield Control()
        yield Control(stop=Stop.PAUSE)

    controls = paused()
    seen = list(run_study(SPEC, iris, control=lambda: next(controls)))
    waiting = [r for r in trials_of(seen) if r.state is TrialState.WAITING]
    assert waiting
    assert outcome(resumed(SPEC, iris, seen)[1]) == whole


def asking(request: TrialRequest, at: int) -> Callable[[], Control]:
    """A control that hands over `request` from its call number `at` on, as long as it is open."""
    calls = 0

    def control() -> Control:
        nonlocal calls
        calls += 1
        return Control(requests=(request,) if calls > at else ())

    return control


def test_a_request_is_repeated_where_it_was_tried(iris: Dataset) -> None:
    # The sampler chooses what it leaves open, which moves all later proposals.
    request = TrialRequest(id="rq_1", params={"activation": "tanh", "width": 16})
    events = list(run_study(SPEC, iris, control=asking(request, 8)))
    whole = outcome(trials_of(events))
    (number,) = (r.number for r in trials_of(events) if r.source is TrialSource.REQUESTED)
    assert number > 4
    tried = next(
        k for k in range(len(events)) if number in {r.number for r in trials_of(events[:k])}
    )
    for at in (tried, tried + 3, len(events) - 3):
        assert outcome(resumed(SPEC, iris, events[:at], requests=(request,))[1]) == whole


def test_an_extended_study_goes_on_from_what_it_was_extended_from(iris: Dataset) -> None:
    before = list(run_study(replace(SPEC, budget=Budget(trials=30, epochs=18)), iris))
    extended = replace(SPEC, extensions=1, history=30)
    more, trials = resumed(extended, iris, before)
    whole = outcome(trials)
    assert len(whole) == 60
    for at in (3, len(more) // 2):
        assert outcome(resumed(extended, iris, [*before, *more[:at]])[1]) == whole


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"params": {"activation": "relu"}}, "trial 12 is proposed with another params"),
        ({"rungs": 0}, "where trial 12 ended is not recorded"),
    ],
)
def test_what_cannot_be_repeated_goes_on_from_the_history_with_a_note(
    change: dict[str, Any], reason: str, iris: Dataset
) -> None:
    events = list(run_study(SPEC, iris))
    seen = events[: len(events) // 2]
    known = {record.number: record for record in trials_of(seen)}
    assert known[12].state.is_finished()
    if "params" in change:
        change = {"params": {**known[12].params, "learning_rate": 0.0123}}
    known[12] = replace(known[12], **change)
    after = list(run_study(SPEC, iris, history=tuple(known.values())))
    (note,) = (event.note for event in after if isinstance(event, Noted))
    assert reason in note
    trials = {**known, **{record.number: record for record in trials_of(after)}}
    assert sorted(trials) == list(range(60))
    assert all(record.state.is_finished() for record in trials.values())
    assert trials[12] is known[12]


def test_a_limit_in_seconds_is_no_search_that_can_be_repeated(iris: Dataset) -> None:
    spec = replace(SPEC, budget=Budget(trials=60, epochs=18, seconds=600.0))
    events = list(run_study(spec, iris))
    after, trials = resumed(spec, iris, events[: len(events) // 2])
    assert len(trials) == 60
    assert all(record.state.is_finished() for record in trials)
    assert not any(isinstance(event, Noted) for event in after)
