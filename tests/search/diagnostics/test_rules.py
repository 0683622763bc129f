"""Every finding is provoked by a real training; healthy networks have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import log

import numpy as np
import pandas as pd
import pytest
from optuna.trial import TrialState

from search.activations import ACTIVATIONS, get_activation
from search.data.dataset_builder import build_dataset
from search.data.datasets import Dataset, load_builtin
from search.diagnostics import RULES, FindingName, diagnose, evidence_of, warn
from search.diagnostics.advice import Advice, advise, change
from search.diagnostics.evidence import TrainingEvidence
from search.driver import run_study
from search.driver.plan import StudyPlan, plan_study
from search.engines.probe_schedule import mean_snapshots
from search.metrics import chance_loss
from search.pruners import Pruning
from search.space import AXES
from search.study import (
    Budget,
    Choices,
    Evaluation,
    Finding,
    FoldCurve,
    LayerSnapshot,
    ParamValue,
    PrunerSpec,
    SamplerSpec,
    StudySpec,
    Task,
    TrialRecord,
    TrialsChanged,
    TrialSource,
)
from search.training.segment import Segment, train_segment

EPOCHS = 12
USUAL = {row.name: row.usual for row in AXES.values() if row.condition is None}
HIDDEN = [row.name for row in ACTIVATIONS.values() if row.hidden]


@cache
def dataset(name: str) -> Dataset:
    return load_builtin(name)


@cache
def plan(name: str) -> StudyPlan:
    spec = StudySpec(dataset=name, evaluation=Evaluation(folds=2), budget=Budget(epochs=EPOCHS))
    return plan_study(spec, dataset(name))


def trained(
    name: str = "digits", *, epochs: int = EPOCHS, last: int | None = None, **params: ParamValue
) -> TrialRecord:
    """A trial of one fold, trained `last` of `epochs` epochs, not judged yet."""
    prepared = plan(name)
    whole = {**USUAL, **params}
    end = last or epochs
    segment = Segment(
        lanes=prepared.lanes(0, whole)[:1],
        first=0,
        last=end,
        epochs=epochs,
        evaluate_at=tuple(range(1, end + 1)),
        metrics=prepared.metrics,
        keep_states=False,
        probe_at=(0, max(1, end // 3), end),
    )
    (report,) = train_segment(segment, prepared.data)
    return TrialRecord(
        number=0,
        state=TrialState.RUNNING,
        source=TrialSource.SAMPLER,
        params=whole,
        distributions={},
        curves=(
            FoldCurve(
                fold=0,
                epochs=report.epochs,
                train_loss=report.train_loss,
                validation_loss=report.validation_loss,
                validation_score=report.validation_loss,
            ),
        ),
        layers=report.layers,
        error=report.failure,
    )


def chance(name: str = "digits") -> float:
    prepared = plan(name)
    return chance_loss(prepared.task, prepared.data.folds[0].y_train)


def findings(
    record: TrialRecord, name: str = "digits", *, complete: bool = True
) -> tuple[Finding, ...]:
    epochs = record.curves[0].epochs
    return diagnose(
        evidence_of(
            record,
            chance(name),
            epochs=epochs[-1] if complete and epochs else EPOCHS,
            complete=complete,
            failure=record.error,
        )
    )


def names(record: TrialRecord, name: str = "digits", *, complete: bool = True) -> list[str]:
    return [finding.name for finding in findings(record, name, complete=complete)]


#: Finding -> a training that has it, and the layer it is found in where that is certain.
PROVOKED: dict[str, dict[str, ParamValue]] = {
    "diverged": {"activation": "identity", "depth": 6, "learning_rate": 0.5},
    "dead_layer": {"activation": "relu", "depth": 6, "learning_rate": 0.5},
    "stuck_at_chance": {
        "activation": "sigmoid",
        "depth": 10,
        "initializer": "torch_default",
        "learning_rate": 1e-4,
    },
    "exploding_gradients": {
        "activation": "identity",
        "depth": 6,
        "learning_rate": 0.5,
        "schedule": "constant",
    },
    "vanishing_gradients": {
        "activation": "sigmoid",
        "depth": 8,
        "initializer": "xavier_normal",
    },
    "born_dead": {"activation": "relu", "depth": 10, "width": 4},
    "dying_relu": {"activation": "relu", "depth": 3, "learning_rate": 0.1},
    "saturation": {
        "activation": "tanh",
        "depth": 5,
        "learning_rate": 0.3,
        "schedule": "constant",
    },
    "dead_learning_rate": {
        "activation": "relu",
        "optimizer": "sgd",
        "momentum": 0.0,
        "learning_rate": 1e-5,
    },
    "slope_collapsed": {
        "activation": "prelu",
        "prelu_slope": 0.378,
        "depth": 5,
        "learning_rate": 0.1,
    },
    # He et al. (2015), figure 3: thirty ReLU layers with Xavier's initializer stall.
    "fading_signal": {
        "activation": "relu",
        "depth": 30,
        "initializer": "xavier_normal",
        "learning_rate": 0.01,
        "optimizer": "sgd",
    },
    "stalled": {"activation": "relu", "width": 2, "depth": 3, "learning_rate": 3e-3},
    "underfitting": {
        "activation": "tanh",
        "depth": 4,
        "learning_rate": 1e-4,
        "schedule": "constant",
    },
}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_finding_is_provoked_by_a_training_made_for_it(name: str) -> None:
    record = trained(**PROVOKED[name])
    found = findings(record)
    assert name in [finding.name for finding in found]
    finding = next(finding for finding in found if finding.name == name)
    assert finding.sentence
    assert finding.remedy
    assert finding.remedy.endswith(".")
    assert all(np.isfinite(value) for value in finding.numbers.values())


def test_random_labels_learned_by_heart_are_overfitting() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 10)), columns=[f"x{k}" for k in range(10)])
    frame["y"] = rng.choice(["heads", "tails"], size=80)
    data = build_dataset(frame, target="y", name="coins")
    spec = StudySpec(
        dataset="coins",
        space={
            "activation": Choices(values=("relu",)),
            "width": Choices(values=(512,)),
            "depth": Choices(values=(2,)),
            "learning_rate": Choices(values=(3e-3,)),
            "initializer": Choices(values=("kaiming_normal",)),
        },
        sampler=SamplerSpec(name="random"),
        pruner=PrunerSpec(name="none"),
        budget=Budget(trials=1, epochs=20),
        evaluation=Evaluation(folds=2, confirm_top=0, test_fraction=0.0),
    )
    (trial,) = {
        record.number: record
        for event in run_study(spec, data)
        if isinstance(event, TrialsChanged)
        for record in event.trials
    }.values()
    assert trial.state is TrialState.COMPLETE
    assert "overfitting" in trial.flags


def test_a_deep_sigmoid_network_that_learned_little_has_vanishing_gradients() -> None:
    record = trained(
        activation="sigmoid", depth=10, initializer="xavier_normal", learning_rate=3e-3, epochs=30
    )
    assert "vanishing_gradients" in names(record)


def test_overfitting_is_found_where_the_validation_loss_rises() -> None:
    record = trained("breast_cancer", activation="relu", depth=4, width=128, learning_rate=0.01,
                     epochs=40)  # fmt: skip
    assert names(record, "breast_cancer") == ["overfitting"]


def test_a_loss_that_is_no_number_is_divergence_in_its_own_words() -> None:
    record = trained(activation="identity", depth=6, learning_rate=10.0, optimizer="sgd")
    finding = findings(record, complete=False)[0]
    assert finding.name == "diverged"
    assert finding.sentence == "The training loss became no finite number."
    assert "learning_rate" in finding.remedy
    assert record.error
    assert record.error != finding.sentence


def test_every_rule_is_provoked_and_has_a_source() -> None:
    assert set(RULES) == set(FindingName) == {*PROVOKED, "overfitting"}
    for rule in RULES.values():
        assert rule.meaning
        assert rule.source
        assert rule.thresholds
        assert rule.advices


@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_healthy_network_has_no_findings(activation: str, depth: int) -> None:
    # Signals of an activation that grows faster than its input explode without a normalization.
    row = get_activation(activation)
    superlinear = row.function(np.array([1e3]), row.numbers({}))[0] > 1e4
    record = trained(
        activation=activation,
        depth=depth,
        learning_rate=3e-3,
        epochs=20,
        normalization="layer" if superlinear else "none",
        # Its slope of 1/6 lets gradients vanish with the usual one.
        initializer="scaled_orthogonal" if activation == "hardsigmoid" else "kaiming_normal",
    )
    assert record.curves[0].validation_loss[-1] < 0.35 * chance()
    assert names(record) == []


@pytest.mark.parametrize(("name", "good"), [("diabetes", 0.6), ("breast_cancer", 0.25)])
@pytest.mark.parametrize("activation", ["relu", "prelu", "tanh", "gelu"])
def test_a_healthy_network_on_other_tasks_has_no_findings(
    name: str, good: float, activation: str
) -> None:
    record = trained(name, activation=activation, learning_rate=3e-3, epochs=20)
    assert record.curves[0].validation_loss[-1] < good * chance(name)
    assert names(record, name) == []


@pytest.mark.parametrize("name", ["diverged", "dead_layer", "stuck_at_chance"])
def test_what_is_beyond_hope_is_warned_of_before_the_end(name: str) -> None:
    record = trained(last=4, **PROVOKED[name])
    warning = warn(record, record.curves[0], record.layers, chance(), epochs=EPOCHS)
    assert warning is not None
    assert warning.name == name
    assert warning.sentence.startswith("Fold 0: ")


@pytest.mark.parametrize("name", ["born_dead", "dying_relu", "slope_collapsed", "underfitting"])
def test_what_may_mend_is_not_warned_of(name: str) -> None:
    record = trained(last=4, **PROVOKED[name])
    assert warn(record, record.curves[0], record.layers, chance(), epochs=EPOCHS) is None


def test_a_slow_starter_is_not_given_up() -> None:
    slow: dict[str, ParamValue] = {
        "activation": "sigmoid",
        "depth": 4,
        "initializer": "lecun_normal",
    }
    record = trained(last=4, epochs=30, **slow)
    assert record.curves[0].train_loss[-1] > 0.99 * chance()
    assert warn(record, record.curves[0], record.layers, chance(), epochs=EPOCHS) is None
    assert trained(epochs=30, **slow).curves[0].train_loss[-1] < 0.8 * chance()


def test_chance_is_the_entropy_of_the_classes_or_the_variance() -> None:
    assert chance_loss(Task.MULTICLASS, np.array([0, 1, 2, 2])) == pytest.approx(1.5 * log(2))
    assert chance_loss(Task.BINARY, np.array([0.0, 1.0])) == pytest.approx(log(2))
    assert chance_loss(Task.REGRESSION, np.array([-1.0, 1.0])) == 1.0


HOPELESS: dict[str, dict[str, Choices]] = {
    "diverged": {
        "activation": Choices(values=("relu",)),
        "depth": Choices(values=(6,)),
        "learning_rate": Choices(values=(1.0,)),
        "initializer": Choices(values=("kaiming_normal",)),
    },
    "stuck_at_chance": {
        "activation": Choices(values=("sigmoid",)),
        "depth": Choices(values=(10,)),
        "learning_rate": Choices(values=(1e-4,)),
        "initializer": Choices(values=("torch_default",)),
    },
}


@cache
def judged(name: str, pruner: str) -> tuple[TrialRecord, ...]:
    """The trials of a study in which all are beyond hope from the start."""
    spec = StudySpec(
        dataset="digits",
        space={**HOPELESS[name], "weight_decay": Choices(values=(0.0,))},
        pruner=PrunerSpec(name=pruner),
        sampler=SamplerSpec(name="random"),
        budget=Budget(trials=6, epochs=9),
        evaluation=Evaluation(folds=2, confirm_top=0, test_fraction=0.5),
    )
    trials: dict[int, TrialRecord] = {}
    for event in run_study(spec, dataset("digits")):
        if isinstance(event, TrialsChanged):
            trials |= {record.number: record for record in event.trials}
    return tuple(trials.values())


@pytest.mark.parametrize("pruner", ["successive_halving", "median", "percentile", "hyperband"])
@pytest.mark.parametrize(
    ("name", "state"),
    [("diverged", TrialState.FAIL), ("stuck_at_chance", TrialState.PRUNED)],
)
def test_every_pruner_gives_up_what_is_beyond_hope(
    name: str, state: TrialState, pruner: str
) -> None:
    trials = judged(name, pruner)
    assert len(trials) == 6
    assert all(max(record.intermediate_values) < 9 for record in trials)
    given_up = [record for record in trials if record.error is not None]
    assert given_up
    for record in given_up:
        assert record.state is state
        assert record.flags[0] == record.findings[0].name == name
        assert record.error == f"{record.findings[0].sentence} {record.findings[0].remedy}"
        assert [snapshot.epoch for snapshot in record.layers][:2] == [0, 1]


@pytest.mark.parametrize("name", HOPELESS)
def test_without_a_pruner_hopeless_trials_are_trained_to_the_end(name: str) -> None:
    trials = judged(name, "none")
    assert len(trials) == 6
    for record in trials:
        assert record.state is TrialState.COMPLETE
        assert max(record.intermediate_values) == 9
        assert record.flags


def test_trials_that_were_given_up_replay_as_they_were() -> None:
    history = judged("stuck_at_chance", "successive_halving")
    assert any(record.error for record in history)
    replayed = Pruning(PrunerSpec(), "minimize", 9, 0)
    replayed.replay(history, lambda record: record.activation)
    # Their values stay at the rungs: one better than all of them goes on, a worse one does not.
    for number, value, is_pruned in ((99, 0.1, False), (100, 99.0, True)):
        replayed.start(number, "sigmoid")
        replayed.report(number, 1, value)
        assert replayed.should_prune(number) is is_pruned


def case(
    epochs: int = 30, layers: Sequence[LayerSnapshot] = (), **params: ParamValue
) -> TrainingEvidence:
    """A training whose validation loss was least after 10 of its epochs."""
    return TrainingEvidence(
        params={**USUAL, **params},
        layers=layers,
        train_loss=(1.0, 0.5, 0.2),
        validation_loss=(1.0, 0.6, 0.9),
        evaluated_at=(5, 10, 30),
        chance=1.0,
        complete=True,
        epochs=epochs,
    )


def first_step(ratio: float) -> LayerSnapshot:
    return LayerSnapshot(epoch=0, statistics={"update_ratio": (ratio / 2, ratio)})


def test_advice_that_is_followed_already_is_left_out() -> None:
    evidence = case(activation="relu", gradient_clip=1.0, learning_rate=0.1, dropout=0.5)
    advices = (Advice.CLIP, Advice.LOWER_RATE, Advice.DROPOUT, Advice.SELU)
    assert advise(advices, evidence) == "Set learning_rate to 0.01; or use selu with lecun_normal."
    assert advise((Advice.CLIP, Advice.DROPOUT), evidence) == ""


@pytest.mark.parametrize(
    ("advice", "rate", "ratio", "advised"),
    [
        # A first step of the weight's own length is a hundred times too long.
        (Advice.LOWER_RATE, 0.5, 1.0, 0.005),
        (Advice.LOWER_RATE, 0.5, 1e9, 0.0005),  # at most a thousandth
        (Advice.LOWER_RATE, 0.3, 0.011, 0.1),  # at least a third
        (Advice.LOWER_RATE, 0.5, 0.001, None),  # the steps are short
        (Advice.RAISE_RATE, 1e-5, 1e-4, 1e-3),
        (Advice.RAISE_RATE, 1e-3, 1e-6, 0.03),  # no higher than Adam's greatest
        (Advice.RAISE_RATE, 1e-3, 0.1, None),
    ],
)
def test_a_rate_is_advised_by_the_measured_length_of_the_first_step(
    advice: Advice, rate: float, ratio: float, advised: float | None
) -> None:
    made = change(advice, case(learning_rate=rate, layers=(first_step(ratio),)))
    assert (made and made.params["learning_rate"]) == advised


def test_epochs_are_named() -> None:
    assert advise((Advice.FEWER_EPOCHS,), case()) == "Train for 10 epochs instead of 30."
    assert advise((Advice.MORE_EPOCHS,), case()) == "Train for 90 epochs instead of 30."


@pytest.mark.parametrize("advice", list(Advice))
def test_every_advice_is_given_to_some_training_and_says_what_changes(advice: Advice) -> None:
    cases = (
        case(initializer="xavier_uniform", depth=6, optimizer="sgd", activation="relu"),
        case(activation="tanh", dropout=0.2, learning_rate=1e-5),
        case(activation="prelu"),
    )
    made = [each for training in cases if (each := change(advice, training)) is not None]
    assert made
    for each in made:
        assert each.params or each.epochs
        for axis, value in each.params.items():
            named = str(value) if isinstance(value, str) else f"{value:g}"
            assert named in each.text or axis in each.text


def test_a_nan_in_the_statistics_is_no_error_and_in_a_gradient_an_explosion() -> None:
    record = trained(last=2)
    nothing = tuple(
        LayerSnapshot(
            epoch=s.epoch, statistics={name: (float("nan"),) * 2 for name in s.statistics}
        )
        for s in record.layers
    )
    mixed = replace(record, layers=mean_snapshots([nothing, record.layers]))
    assert names(mixed) == ["exploding_gradients"]
    assert names(replace(record, layers=())) == []


def test_a_finding_tells_the_layer_and_the_share() -> None:
    record = trained(**PROVOKED["born_dead"])
    finding: Finding = findings(record)[0]
    assert finding.layer is not None
    share = record.layers[0].statistics["dead_units"][finding.layer - 1]
    assert finding.numbers["dead_units"] == share == max(record.layers[0].statistics["dead_units"])
    assert f"{share:.0%} of the units of layer {finding.layer}" in finding.sentence
