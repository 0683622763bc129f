"""A whole study without a server: fair, repeatable, resumable."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from search.data.datasets import Dataset, load_builtin
from search.driver import run_study, search_phase
from search.driver.search_phase import trial_batch_size
from search.study import (
    Budget,
    Choices,
    Control,
    Evaluation,
    Event,
    ProgressMade,
    PrunerSpec,
    Range,
    SamplerSpec,
    Stop,
    StudyEnded,
    StudySpec,
    StudyState,
    Task,
    TrialRecord,
    TrialRequest,
    TrialsChanged,
    TrialSource,
)
from search.training.backend import Backend
from search.training.executors import local_pool
from tests.search.driver.events import trials_of as records_of

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh", "prelu")),
        "depth": Range(low=1, high=3),
        "width": Choices(values=(8,)),
        "batch_size": Choices(values=(32,)),
    },
    sampler=SamplerSpec(seed=3),
    budget=Budget(trials=18, epochs=9),
    evaluation=Evaluation(folds=2, confirm_top=0),
)


def trials_of(events: Iterable[Event]) -> dict[int, TrialRecord]:
    return {record.number: record for record in records_of(events)}


def outcome(trials: dict[int, TrialRecord]) -> list[tuple[object, ...]]:
    return [
        (n, r.state, dict(r.params), r.values, dict(r.intermediate_values))
        for n, r in sorted(trials.items())
    ]


def test_the_target_is_read_for_the_task_of_the_spec() -> None:
    spec = replace(SPEC, dataset="digits", task=Task.REGRESSION, budget=Budget(trials=2, epochs=2))
    trials = trials_of(run_study(spec, load_builtin("digits")))
    assert all("mse" in record.metrics for record in trials.values())


def test_a_study_finishes_with_every_trial_accounted_for(iris: Dataset) -> None:
    events = list(run_study(SPEC, iris))
    trials = trials_of(events)
    assert sorted(trials) == list(range(18))
    assert all(record.state.is_finished() for record in trials.values())
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)
    progress = [event.progress for event in events if isinstance(event, ProgressMade)][-1]
    assert (progress.trials_finished, progress.trials_running) == (18, 0)
    complete = [r for r in trials.values() if r.state is TrialState.COMPLETE]
    assert progress.best_value == min(r.values[0] for r in complete if r.values)
    assert max(r.metrics["accuracy"] for r in complete) > 0.8
    for record in complete:
        assert record.parameters > 0
        assert [curve.fold for curve in record.curves] == [0, 1]
        assert record.values == (pytest.approx(record.intermediate_values[9]),)


def test_every_activation_gets_its_share_and_the_baseline_comes_first(iris: Dataset) -> None:
    trials = trials_of(run_study(SPEC, iris))
    assert trials[0].source is TrialSource.BASELINE
    assert trials[0].activation == "relu"
    shares = Counter(record.activation for record in trials.values())
    assert set(shares) == {"relu", "tanh", "prelu"}
    assert min(shares.values()) >= 3
    assert all(
        ("prelu_slope" in record.params) == (record.activation == "prelu")
        for record in trials.values()
    )


def test_a_seed_gives_the_same_trials_on_any_number_of_processes(iris: Dataset) -> None:
    inline = outcome(trials_of(run_study(SPEC, iris)))
    with local_pool(1) as one, local_pool(2) as two:
        assert outcome(trials_of(run_study(SPEC, iris, executor=one))) == inline
        assert outcome(trials_of(run_study(SPEC, iris, executor=two))) == inline


def test_trials_asked_for_ahead_are_under_way_together_and_repeat_on_any_executor(
    iris: Dataset,
) -> None:
    spec = replace(SPEC, budget=replace(SPEC.budget, trials=60))
    backend = Backend(ahead=3)
    inline = list(run_study(spec, iris, backend=backend))
    with local_pool(2) as pool:
        pooled = list(run_study(spec, iris, executor=pool, backend=backend))
    assert outcome(trials_of(inline)) == outcome(trials_of(pooled))
    alone = list(run_study(spec, iris))

    def most_running(events: list[Event]) -> int:
        running: set[int] = set()
        most = 0
        for event in events:
            if isinstance(event, TrialsChanged):
                running |= {record.number for record in event.trials}
                running -= {r.number for r in event.trials if r.state.is_finished()}
                most = max(most, len(running))
        return most

    assert most_running(inline) > 2 * most_running(alone)
    # What a trial comes to does not depend on the stack that it was trained in.
    ahead, before = trials_of(inline)[0], trials_of(alone)[0]
    assert ahead.intermediate_values[1] == before.intermediate_values[1]


@pytest.mark.parametrize(
    ("trials", "finished", "size"),
    [
        (1000, 0, 4),
        (1000, 32, 4),
        (1000, 80, 10),
        (1000, 900, 16),
        (60, 50, 5),
        (5, 0, 2),
    ],
)
def test_batches_grow_with_the_finished_trials(trials: int, finished: int, size: int) -> None:
    assert trial_batch_size(trials, finished) == size


def test_a_new_best_is_told_before_anything_else_finishes(
    iris: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_phase, "FLUSH_INTERVAL_S", 3600.0)
    best, told = -np.inf, True
    bests = []
    for event in run_study(replace(SPEC, objectives=("accuracy",)), iris):
        if isinstance(event, ProgressMade):
            told = told or event.progress.best_value == best
        elif isinstance(event, TrialsChanged):
            finished = [record for record in event.trials if record.state.is_finished()]
            assert told or not finished
            reached = max((r.values[0] for r in finished if r.values), default=-np.inf)
            if reached > best:
                best, told = reached, False
                bests.append(reached)
    assert len(bests) > 1


def test_another_seed_gives_other_trials(iris: Dataset) -> None:
    other = replace(SPEC, sampler=SamplerSpec(seed=4))
    assert outcome(trials_of(run_study(SPEC, iris))) != outcome(trials_of(run_study(other, iris)))


def stop_after(polls: int, stop: Stop) -> Iterator[Control]:
    for _ in range(polls):
        yield Control()
    while True:
        yield Control(stop=stop)


def test_a_paused_study_goes_on_with_its_interrupted_trials(iris: Dataset) -> None:
    controls = stop_after(2, Stop.PAUSE)
    events = list(run_study(SPEC, iris, control=lambda: next(controls)))
    assert events[-1] == StudyEnded(state=StudyState.PAUSED)
    before = trials_of(events)
    interrupted = [n for n, r in before.items() if r.state is TrialState.WAITING]
    assert interrupted
    after = {**before, **trials_of(run_study(SPEC, iris, history=tuple(before.values())))}
    assert sorted(after) == list(range(18))
    assert all(record.state.is_finished() for record in after.values())
    for number in interrupted:
        assert after[number].params == before[number].params
    for number, record in before.items():
        if number not in interrupted:
            assert after[number] is record


def test_a_trial_interrupted_by_a_crash_ends_as_it_would_have(iris: Dataset) -> None:
    spec = replace(SPEC, pruner=PrunerSpec(name="none"))
    whole = trials_of(run_study(spec, iris))
    events = iter(run_study(spec, iris))
    seen = trials_of(event for event, _ in zip(events, range(3), strict=False))
    assert seen
    assert all(record.state is TrialState.RUNNING for record in seen.values())
    resumed = trials_of(run_study(spec, iris, history=tuple(seen.values())))
    for number in seen:
        assert resumed[number].values == whole[number].values


def test_cancelling_keeps_what_was_found(iris: Dataset) -> None:
    controls = stop_after(14, Stop.CANCEL)
    events = list(run_study(SPEC, iris, control=lambda: next(controls)))
    trials = trials_of(events)
    assert events[-1] == StudyEnded(state=StudyState.CANCELLED)
    assert all(record.state.is_finished() for record in trials.values())
    assert any(record.state is TrialState.COMPLETE for record in trials.values())
    assert any("cancelled" in record.flags for record in trials.values())


def test_a_request_is_tried_once_and_reported_under_its_id(iris: Dataset) -> None:
    request = TrialRequest(id="r1", params={"activation": "tanh", "depth": 3})
    trials = trials_of(run_study(SPEC, iris, control=lambda: Control(requests=(request,))))
    asked = [record for record in trials.values() if record.request_id == "r1"]
    assert [record.params["depth"] for record in asked] == [3]
    assert asked[0].source is TrialSource.REQUESTED
    assert asked[0].activation == "tanh"


def test_a_grid_is_tried_to_its_end(iris: Dataset) -> None:
    space = {
        "activation": Choices(values=("relu", "prelu")),
        "prelu_slope": Choices(values=(0.1, 0.3)),
        "depth": Range(low=1, high=2),
        "initializer": Choices(values=("kaiming_normal",)),
        "learning_rate": Choices(values=(0.01,)),
        "weight_decay": Choices(values=(0.0,)),
        "width": Choices(values=(8,)),
    }
    spec = replace(
        SPEC, space=space, sampler=SamplerSpec(name="grid"), budget=Budget(trials=50, epochs=2)
    )
    trials = trials_of(run_study(spec, iris))
    tried = {tuple(sorted(r.params.items(), key=str)) for r in trials.values()}
    assert len(trials) == len(tried) == 6


@pytest.mark.parametrize("sampler", ["random", "qmc", "nsgaii", "gp"])
def test_every_sampler_runs_a_study(sampler: str, iris: Dataset) -> None:
    spec = replace(SPEC, sampler=SamplerSpec(name=sampler), budget=Budget(trials=14, epochs=2))
    assert len(trials_of(run_study(spec, iris))) == 14


@pytest.mark.parametrize("pruner", ["none", "median", "hyperband", "percentile"])
def test_every_pruner_runs_a_study(pruner: str, iris: Dataset) -> None:
    trials = trials_of(run_study(replace(SPEC, pruner=PrunerSpec(name=pruner)), iris))
    assert len(trials) == 18
    if pruner == "none":
        assert all(record.state is TrialState.COMPLETE for record in trials.values())


def test_two_objectives_give_two_values_a_trial(iris: Dataset) -> None:
    spec = replace(SPEC, objectives=("accuracy", "parameters"), budget=Budget(trials=8, epochs=2))
    trials = trials_of(run_study(spec, iris))
    assert len(trials) == 8
    for record in trials.values():
        assert record.values == (pytest.approx(record.metrics["accuracy"]), record.parameters)


def test_regression_is_scored_in_units_of_the_target() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = 1000.0 + 50.0 * x[:, 0] + rng.normal(size=200)
    base = load_builtin("diabetes")
    data = replace(base, features=pd.DataFrame(x, columns=["a", "b", "c"]), y=y)
    spec = replace(SPEC, dataset="diabetes", budget=Budget(trials=12, epochs=20))
    best = min(r.values[0] for r in trials_of(run_study(spec, data)).values() if r.values)
    assert 0.5 < best < 0.2 * float(np.var(y))


def test_divergence_fails_the_trial_with_a_sentence(iris: Dataset) -> None:
    space = {
        **SPEC.space,
        "activation": Choices(values=("identity",)),
        "learning_rate": Choices(values=(10.0,)),
        "optimizer": Choices(values=("sgd",)),
        "depth": Choices(values=(6,)),
    }
    spec = replace(SPEC, space=space, budget=Budget(trials=4, epochs=9))
    failed = [r for r in trials_of(run_study(spec, iris)).values() if r.state is TrialState.FAIL]
    assert failed
    for record in failed:
        assert "diverged" in record.flags
        assert record.error is not None
        assert re.search("[Ll]ower the learning rate|[Ss]et learning_rate to", record.error)


def test_a_recorded_study_replays_in_plain_optuna(iris: Dataset) -> None:
    study = optuna.create_study(direction="minimize")
    for record in trials_of(run_study(SPEC, iris)).values():
        study.add_trial(
            optuna.create_trial(
                state=record.state,
                values=list(record.values) if record.values else None,
                params={name: record.params[name] for name in record.distributions},
                distributions=dict(record.distributions),
                intermediate_values=dict(record.intermediate_values),
            )
        )
    assert len(study.trials) == 18
