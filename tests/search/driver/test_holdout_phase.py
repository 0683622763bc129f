"""The test rows are seen once, at the end, by networks that learned from all other rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error

from search.analysis.candidates import config_key
from search.analysis.recommendation import pick_winner
from search.data.datasets import Dataset, load_builtin
from search.data.fold_arrays import MISSING, TrainingData
from search.data.preprocessing import fit_preprocessor, prepare
from search.data.scaling import Scaler
from search.data.splits import Fold
from search.driver import run_study
from search.driver.holdout_phase import evaluate_holdout
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan, plan_study
from search.driver.resplits import Resplits
from search.networks.lane import Lane, LaneState, NetworkConfig
from search.networks.model_archive import ModelArchive, load_model_archive
from search.networks.sequential import build_network, load_state
from search.seeds import derive_seed
from search.study import (
    Budget,
    Choices,
    ConfirmationsMade,
    Control,
    Evaluation,
    Event,
    Phase,
    PhaseStarted,
    Range,
    Role,
    SamplerSpec,
    Scaling,
    Stage,
    Stop,
    StudyEnded,
    StudySpec,
    StudyState,
    Task,
    TestRole,
    TestRun,
    TestsMade,
    TrialsChanged,
)
from search.training.executors import InlineExecutor
from tests.search.driver.events import holdout_of, runs_of
from tests.search.plain_network import train_plainly

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "tanh", "elu")),
        "depth": Range(low=1, high=2),
        "width": Choices(values=(8,)),
        "batch_size": Choices(values=(32,)),
    },
    sampler=SamplerSpec(seed=5),
    budget=Budget(trials=8, epochs=4),
    evaluation=Evaluation(folds=2, confirm_top=1, confirm_repeats=2),
)


def spec_of(name: str) -> StudySpec:
    return replace(SPEC, dataset=name)


def run(spec: StudySpec, dataset: Dataset | None = None) -> list[Event]:
    return list(run_study(spec, dataset or load_builtin(spec.dataset)))


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return run(SPEC)


def row(events: Iterable[Event], role: TestRole) -> TestRun:
    (found,) = (run for run in holdout_of(events).runs if run.role is role)
    return found


def development(plan: StudyPlan) -> TrainingData:
    """All rows but the test rows to train on, the test rows to score."""
    fold = Fold(train=plan.splits.search, validation=plan.splits.test)
    return prepare(plan.dataset, replace(plan.splits, folds=(fold,)))


def before_the_test(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Return what a study said before the test, without times."""
    seen: list[tuple[object, ...]] = []
    for event in events:
        if event == PhaseStarted(phase=Phase.TEST):
            break
        if isinstance(event, TrialsChanged):
            seen += [(r.number, r.state, r.values, dict(r.metrics)) for r in event.trials]
        elif isinstance(event, ConfirmationsMade):
            seen += [(replace(r, fit_seconds=0.0),) for r in event.runs]
    return seen


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_nothing_before_the_test_sees_the_test_rows(poison: float) -> None:
    clean = load_builtin("diabetes")
    plan = plan_study(spec_of("diabetes"), clean)
    features, y = clean.features.copy(), clean.y.copy()
    features.iloc[plan.splits.test] = poison
    y[plan.splits.test] = 1e9
    poisoned = replace(clean, features=features, y=y)
    before, after = run(plan.spec, clean), run(plan.spec, poisoned)
    assert before_the_test(before) == before_the_test(after)
    assert len(before_the_test(before)) > 20
    assert row(before, TestRole.WINNER).scores["mse"] < 1e6
    assert row(after, TestRole.WINNER).scores["mse"] > 1e12


def test_the_check_above_would_notice_a_poisoned_development_row() -> None:
    clean = load_builtin("diabetes")
    plan = plan_study(spec_of("diabetes"), clean)
    features = clean.features.copy()
    features.iloc[plan.splits.search[0]] = 1e9
    assert before_the_test(run(plan.spec, clean)) != before_the_test(
        run(plan.spec, replace(clean, features=features))
    )


def test_winner_and_baseline_are_what_the_confirmation_chose(events: list[Event]) -> None:
    plan = plan_study(SPEC, load_builtin("iris"))
    runs = runs_of(events)
    winner, baseline = row(events, TestRole.WINNER), row(events, TestRole.BASELINE)
    assert winner.params == pick_winner(runs, plan.objectives[0])
    assert {config_key(r.params) for r in runs if r.role is Role.BASELINE} == {
        config_key(baseline.params)
    }
    for known in (winner, baseline):
        own = {
            (r.repeat, r.fold): r.scores for r in runs if dict(r.params) == dict(known.params)
        }.values()
        assert len(own) == 4
        for name in ("log_loss", "accuracy"):
            mean = np.mean([scores[name] for scores in own])
            assert known.validation_scores[name] == pytest.approx(mean)


@pytest.mark.parametrize("role", [TestRole.WINNER, TestRole.BASELINE])
def test_the_score_is_that_of_plain_networks_trained_on_all_other_rows(
    role: TestRole, events: list[Event]
) -> None:
    plan = plan_study(SPEC, load_builtin("iris"))
    data = development(plan)
    assert len(data.folds[0].x_train) == 120
    scored = row(events, role)
    losses = []
    for repeat in range(2):
        lane = Lane(
            configuration=0,
            fold=0,
            split=0,
            config=NetworkConfig.from_params(scored.params),
            init_seed=derive_seed(5, "test init", repeat),
            order_seed=derive_seed(5, "test order", repeat),
        )
        losses.append(train_plainly(lane, data, 4)[1][-1])
    assert losses[0] != losses[1]
    assert scored.scores["log_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert scored.repeats == 2


def test_the_linear_model_is_scikit_learns() -> None:
    for name, model in (("iris", LogisticRegression(max_iter=200)), ("diabetes", Ridge())):
        dataset = load_builtin(name)
        plan = plan_study(spec_of(name), dataset)
        preprocessor = fit_preprocessor(dataset, plan.splits.search)
        x, x_test = (
            preprocessor.transform(dataset.features.iloc[rows])
            for rows in (plan.splits.search, plan.splits.test)
        )
        y, y_test = dataset.y[plan.splits.search], dataset.y[plan.splits.test]
        made = row(run(plan.spec), TestRole.LINEAR)
        model.fit(x, y)
        if dataset.task is Task.REGRESSION:
            expected = mean_squared_error(y_test, model.predict(x_test))
            assert made.scores["mse"] == pytest.approx(expected, rel=1e-4)
        else:
            expected = log_loss(y_test, model.predict_proba(x_test))
            assert made.scores["log_loss"] == pytest.approx(expected, rel=1e-4)
        assert made.repeats == 1
        assert made.params == {}


def test_the_linear_model_sees_the_numbers_that_the_winner_sees() -> None:
    scalings = ("standard", "quantile")
    spec = spec_of("diabetes")
    spec = replace(
        spec,
        space={**spec.space, "scaling": Choices(values=scalings)},
        sampler=SamplerSpec(seed=0),
    )
    events = run(spec)
    winner = row(events, TestRole.WINNER).params["scaling"]
    assert winner == "quantile", "not the first, by which models would be scored anyway"
    dataset = load_builtin("diabetes")
    plan = plan_study(spec, dataset)
    preprocessor = fit_preprocessor(dataset, plan.splits.search, scaling=Scaling.QUANTILE)
    x, x_test = (
        preprocessor.transform(dataset.features.iloc[rows])
        for rows in (plan.splits.search, plan.splits.test)
    )
    model = Ridge().fit(x, dataset.y[plan.splits.search])
    expected = mean_squared_error(dataset.y[plan.splits.test], model.predict(x_test))
    assert row(events, TestRole.LINEAR).scores["mse"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "diabetes"])
def test_the_trivial_predictor_knows_shares_or_the_mean_only(name: str) -> None:
    dataset = load_builtin(name)
    plan = plan_study(spec_of(name), dataset)
    trivial, linear = (row(run(plan.spec), r) for r in (TestRole.TRIVIAL, TestRole.LINEAR))
    y, y_test = dataset.y[plan.splits.search], dataset.y[plan.splits.test]
    if dataset.task is Task.REGRESSION:
        assert trivial.scores["mse"] == pytest.approx(np.mean((y_test - y.mean()) ** 2))
        assert trivial.scores["r2"] == pytest.approx(0.0, abs=0.05)
    else:
        shares = np.bincount(y.astype(int)) / len(y)
        assert trivial.scores["log_loss"] == pytest.approx(-np.log(shares[y_test]).mean())
        assert trivial.scores["accuracy"] == pytest.approx(np.mean(y_test == shares.argmax()))
    first = plan.objectives[0].name
    for scores in ("scores", "validation_scores"):
        assert set(getattr(trivial, scores)) == set(plan.metrics)
        assert getattr(linear, scores)[first] < getattr(trivial, scores)[first]


def test_without_test_rows_nobody_gets_a_test_score() -> None:
    spec = replace(SPEC, evaluation=replace(SPEC.evaluation, test_fraction=0.0))
    events = run(spec)
    assert PhaseStarted(phase=Phase.TEST) not in events
    tests = holdout_of(events)
    assert [known.role for known in tests.runs] == list(TestRole)
    for known in tests.runs:
        assert known.scores == {}
        assert known.repeats == 0
        assert set(known.validation_scores) == {"log_loss", "accuracy"}
    assert tests.winner is not None
    assert events[-1] == StudyEnded(state=StudyState.COMPLETED)


def test_a_baseline_that_wins_is_refitted_once(events: list[Event], tmp_path: Path) -> None:
    plan = plan_study(SPEC, load_builtin("iris"))
    baseline = tuple(r for r in runs_of(events) if r.role is Role.BASELINE)
    runs = (*baseline, *(replace(r, role=Role.CANDIDATE) for r in baseline))
    (made,) = evaluate_holdout(
        plan, Resplits(plan, Stage.CONFIRM), runs, OrderedJobs(InlineExecutor(), tmp_path)
    )
    winner, other = row([made], TestRole.WINNER), row([made], TestRole.BASELINE)
    assert replace(winner, role=TestRole.BASELINE) == other


@pytest.mark.parametrize(
    ("stop", "state"), [(Stop.PAUSE, StudyState.PAUSED), (Stop.CANCEL, StudyState.CANCELLED)]
)
def test_a_stop_in_the_test_leaves_it_to_be_made_anew(stop: Stop, state: StudyState) -> None:
    seen: list[Event] = []
    testing = PhaseStarted(phase=Phase.TEST)
    events = run_study(
        SPEC,
        load_builtin("iris"),
        control=lambda: Control(stop=stop if testing in seen else None),
    )
    while not isinstance(event := next(events), StudyEnded):
        seen.append(event)
    assert event.state is state
    assert not any(isinstance(e, TestsMade) for e in seen)


def inputs_of(kept: ModelArchive, table: pd.DataFrame) -> NDArray[np.float32]:
    """Turn raw rows into inputs with nothing but what the archive says."""
    numbers = table[list(kept.schema.numeric)].to_numpy(np.float64)
    filled = np.where(np.isnan(numbers), kept.statistics["median"], numbers)
    columns = [Scaler(kind=kept.scaling, statistics=kept.statistics).apply(filled)]
    columns += [table[[name]].isna().to_numpy(np.float64) for name in kept.schema.indicators]
    for name, levels in zip(kept.schema.categorical, kept.schema.levels, strict=True):
        texts = table[name].where(table[name].notna(), MISSING)
        columns.append(np.array([[text == level for level in levels] for text in texts], float))
    for name, known in kept.encodings.items():
        columns.append(np.array([known.get(text, known[None]) for text in table[name]]))
    return np.hstack(columns).astype(np.float32)


def mixed_table() -> Dataset:
    rng = np.random.default_rng(0)
    rows = 200
    size = rng.normal(5.0, 2.0, rows)
    kind = rng.choice(["a", "b", "c"], rows).astype(object)
    y = size * (kind == "a") + rng.normal(size=rows)
    size[::17] = np.nan
    kind[::23] = np.nan
    city = rng.choice([f"city {i}" for i in range(90)], rows)
    noise = rng.normal(size=rows)
    table = pd.DataFrame({"size": size, "kind": kind, "noise": noise, "city": city})
    return replace(load_builtin("diabetes"), id="mixed", features=table, y=y, target="price")


@pytest.mark.parametrize(
    "scalings",
    [("standard",), ("robust",), ("quantile",), ("standard", "robust", "quantile")],
)
@pytest.mark.parametrize("dataset", [load_builtin("iris"), load_builtin("diabetes"), mixed_table()])
def test_the_winner_can_be_taken_home_without_the_dataset(
    dataset: Dataset, scalings: tuple[str, ...]
) -> None:
    spec = spec_of(dataset.id)
    spec = replace(spec, space={**spec.space, "scaling": Choices(values=scalings)})
    plan = plan_study(spec, dataset)
    # One refit, so that its score is that of the network that is kept.
    spec = replace(spec, evaluation=replace(spec.evaluation, confirm_repeats=1))
    events = run(spec, dataset)
    blob = holdout_of(events).winner
    assert blob is not None
    kept = load_model_archive(blob)
    winner = row(events, TestRole.WINNER)
    assert kept.params == winner.params
    assert kept.scaling == winner.params["scaling"]
    assert (kept.task, kept.classes, kept.target) == (dataset.task, dataset.classes, dataset.target)
    config = NetworkConfig.from_params(kept.params)
    x = inputs_of(kept, dataset.features.iloc[plan.splits.test])
    network = build_network(config, features=x.shape[1], outputs=max(1, len(kept.classes)))
    empty = np.empty(0, np.float32)
    state = LaneState(
        params=kept.weights,
        first_moment=empty,
        second_moment=empty,
        running=kept.running,
        steps=0,
    )
    load_state(network, state, config)
    with torch.no_grad():
        output = network.eval()(torch.from_numpy(x)).double()
    y = dataset.y[plan.splits.test]
    if dataset.task is Task.REGRESSION:
        values = output.squeeze(1).numpy() * kept.target_scale + kept.target_mean
        assert np.mean((values - y) ** 2) == pytest.approx(winner.scores["mse"], rel=1e-4)
    else:
        loss = -torch.log_softmax(output, 1)[torch.arange(len(y)), torch.from_numpy(y)].mean()
        assert loss.item() == pytest.approx(winner.scores["log_loss"], rel=1e-4)


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_contributions_of_rows_average_to_the_scores(name: str) -> None:
    metric = "mse" if name == "diabetes" else "log_loss"
    tests = holdout_of(run(spec_of(name))).runs
    assert len(tests) == 4
    for test in tests:
        for blocks, scores in (
            (test.test_blocks, test.scores),
            (test.validation_blocks, test.validation_scores),
        ):
            assert blocks is not None
            mean = sum(blocks.sums) / sum(blocks.rows)
            # Folds differ by a row, and their scores count alike.
            assert mean == pytest.approx(scores[metric], rel=5e-3)
        assert sum(test.test_blocks.rows if test.test_blocks else ()) == {"iris": 30}.get(name, 89)
