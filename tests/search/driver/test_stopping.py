"""A study whose trainings keep their best epochs: by rungs, resumed, confirmed and refitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from search.data.datasets import Dataset
from search.data.preprocessing import prepare
from search.data.splits import Fold
from search.driver import run_study
from search.driver.plan import plan_study
from search.metrics import get_metric
from search.networks.lane import LaneState, NetworkConfig
from search.networks.model_archive import load_model_archive
from search.networks.sequential import build_network, load_state
from search.study import (
    Budget,
    Choices,
    Control,
    Evaluation,
    Event,
    PrunerSpec,
    Range,
    SamplerSpec,
    Stop,
    StudySpec,
    TestRole,
    TrialRecord,
    TrialsChanged,
)
from tests.search.driver.events import holdout_of, runs_of, trials_of

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh")),
        "depth": Choices(values=(2,)),
        "width": Choices(values=(16,)),
        "batch_size": Choices(values=(16,)),
        "learning_rate": Choices(values=(0.03, 0.1)),
        "schedule": Choices(values=("constant",)),
        "stopping": Choices(values=("best",)),
        "patience": Range(low=1, high=4),
    },
    sampler=SamplerSpec(seed=3),
    pruner=PrunerSpec(name="median"),
    budget=Budget(trials=8, epochs=27),
    evaluation=Evaluation(folds=2, confirm_top=1, confirm_repeats=1),
)


@pytest.fixture(scope="module")
def events(iris: Dataset) -> list[Event]:
    return list(run_study(SPEC, iris))


def results(records: Iterable[TrialRecord]) -> dict[int, tuple[object, ...]]:
    return {r.number: (r.state, dict(r.params), r.values, r.curves, r.layers) for r in records}


def test_every_curve_says_which_epoch_is_kept(events: list[Event]) -> None:
    curves = [curve for record in trials_of(events) for curve in record.curves]
    kept = [curve.best_epoch for curve in curves]
    assert all(epoch is not None and 1 <= epoch <= 27 for epoch in kept)
    assert any(epoch < 20 for epoch in kept if epoch)
    for curve in curves:
        late = [
            loss
            for epoch, loss in zip(curve.epochs, curve.validation_loss, strict=True)
            if curve.best_epoch is not None and epoch >= curve.best_epoch
        ]
        assert len(set(late)) <= 1


def test_the_last_epoch_is_kept_by_default_and_beside_the_best(iris: Dataset) -> None:
    space = {**SPEC.space, "stopping": Choices(values=("last", "best"))}
    spec = replace(SPEC, space=space, evaluation=Evaluation(folds=2, confirm_top=0))
    kept = {"last": set[bool](), "best": set[bool]()}
    for record in trials_of(run_study(spec, iris)):
        stopping = str(record.params["stopping"])
        assert ("patience" in record.params) == (stopping == "best")
        kept[stopping] |= {curve.best_epoch is not None for curve in record.curves}
    assert kept == {"last": {False}, "best": {True}}


def test_a_study_paused_and_resumed_gives_the_same_trials(
    events: list[Event], iris: Dataset
) -> None:
    known: dict[int, TrialRecord] = {}

    def control() -> Control:
        finished = sum(record.state.is_finished() for record in known.values())
        return Control(stop=Stop.PAUSE if finished >= 3 else None)

    def recorded(run: Iterator[Event]) -> None:
        for event in run:
            if isinstance(event, TrialsChanged):
                known.update((record.number, record) for record in event.trials)

    recorded(run_study(SPEC, iris, control=control))
    assert any(not record.state.is_finished() for record in known.values())
    recorded(run_study(SPEC, iris, history=tuple(known.values())))
    assert results(known.values()) == results(trials_of(events))


def test_confirmations_and_the_archive_are_of_the_best_epoch(
    events: list[Event], iris: Dataset
) -> None:
    plan = plan_study(SPEC, iris)
    made = holdout_of(events)
    assert all(run.scores for run in runs_of(events))
    (winner,) = (run for run in made.runs if run.role is TestRole.WINNER)
    assert made.winner is not None
    archive = load_model_archive(made.winner)
    fold = Fold(train=plan.splits.search, validation=plan.splits.test)
    (rows,) = prepare(iris, replace(plan.splits, folds=(fold,))).folds
    config = NetworkConfig.from_params(archive.params)
    assert config.keeps_best
    network = build_network(config, features=rows.x_train.shape[1], outputs=3)
    nothing = np.empty(0)
    state = LaneState(
        params=archive.weights,
        first_moment=nothing,
        second_moment=nothing,
        running=archive.running,
        steps=0,
    )
    load_state(network, state, config)
    with torch.no_grad():
        prediction = torch.softmax(network.eval()(torch.from_numpy(rows.x_validation)), 1).numpy()
    score = get_metric("log_loss").score(rows.target_validation, prediction[None])
    assert winner.scores["log_loss"] == pytest.approx(float(score[0]), rel=1e-5)
