"""Pruning: rungs, whom a trial is compared with, and the same decisions as plain Optuna."""

import random
from collections.abc import Mapping, Sequence
from math import nan

import optuna
import pytest
from optuna.trial import TrialState

from search.errors import UnknownChoice
from search.pruners import PRUNERS, Pruning, get_pruner
from search.pruners.catalog import Pruner, PrunerName
from search.study import PrunerScope, PrunerSpec, TrialRecord, TrialSource

EPOCHS = 30
DECIDING = [name for name in PrunerName if name is not PrunerName.NONE]


def pruning(
    name: str,
    scope: PrunerScope = PrunerScope.ACTIVATION,
    direction: str = "minimize",
    epochs: int = EPOCHS,
) -> Pruning:
    return Pruning(PrunerSpec(name=name, scope=scope), direction, epochs, 0)


def curve(final: float, rungs: Sequence[int], speed: float = 1.0) -> dict[int, float]:
    """A loss that falls from 1 towards `final`, more slowly with less `speed`."""
    return {epoch: final + (1.0 - final) / (1.0 + speed * epoch) for epoch in rungs}


def train(judge: Pruning, number: int, activation: str, values: Mapping[int, float]) -> int | None:
    """Train a trial through the rungs; return the epoch at which it was pruned, if it was."""
    judge.start(number, activation)
    for epoch in judge.rungs:
        judge.report(number, epoch, values[epoch])
        if epoch != judge.rungs[-1] and judge.should_prune(number):
            judge.finish(number, None, pruned=True)
            return epoch
    judge.finish(number, values[judge.rungs[-1]])
    return None


def record(
    number: int, activation: str, state: TrialState, values: Mapping[int, float]
) -> TrialRecord:
    last = max(values) if values else 0
    return TrialRecord(
        number=number,
        state=state,
        source=TrialSource.SAMPLER,
        params={"activation": activation},
        distributions={},
        values=(values[last],) if state is TrialState.COMPLETE else None,
        intermediate_values=dict(values),
    )


def test_every_name_has_one_row_under_its_own_name() -> None:
    assert set(PRUNERS) == set(PrunerName)
    assert all(row.name == name for name, row in PRUNERS.items())


@pytest.mark.parametrize("row", PRUNERS.values(), ids=lambda row: row.name.value)
def test_rungs_rise_from_the_first_epoch_on_and_end_with_the_training(row: Pruner) -> None:
    for epochs in range(1, 201):
        rungs = row.rungs(epochs)
        assert list(rungs) == sorted(set(rungs))
        assert rungs[0] >= 1
        assert rungs[-1] == epochs
        row.build(epochs)


@pytest.mark.parametrize(
    ("name", "epochs", "rungs"),
    [
        ("none", 30, (30,)),
        ("successive_halving", 30, (3, 9, 30)),
        ("hyperband", 30, (3, 9, 30)),
        ("median", 30, (6, 12, 18, 24, 30)),
        ("percentile", 30, (6, 12, 18, 24, 30)),
        ("successive_halving", 1, (1,)),
        ("successive_halving", 3, (1, 3)),
        ("successive_halving", 100, (11, 33, 100)),
        ("median", 3, (1, 2, 3)),
    ],
)
def test_rungs_are_where_they_should_be(name: str, epochs: int, rungs: tuple[int, ...]) -> None:
    assert get_pruner(name).rungs(epochs) == rungs
    assert pruning(name, epochs=epochs).rungs == rungs


def test_unknown_pruner_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="did you mean 'median'") as caught:
        pruning("medain")
    assert caught.value.pointer == "/pruner/name"


def slow_among_fast(scope: PrunerScope) -> tuple[list[int | None], list[int | None]]:
    """Fates of sigmoid trials that start slowly and of relu trials that start fast."""
    judge = pruning("successive_halving", scope)
    fates: dict[str, list[int | None]] = {"sigmoid": [], "relu": []}
    rng = random.Random(1)
    for number in range(60):
        activation = ("relu", "sigmoid")[number % 2]
        speed = {"relu": 3.0, "sigmoid": 0.05}[activation]
        values = curve(rng.uniform(0.1, 0.3), judge.rungs, speed)
        fates[activation].append(train(judge, number, activation, values))
    return fates["sigmoid"], fates["relu"]


def test_slow_starters_are_cut_by_fast_ones_under_scope_study() -> None:
    sigmoid, relu = slow_among_fast(PrunerScope.STUDY)
    assert None not in sigmoid
    assert None in relu


def test_slow_starters_compete_among_themselves_under_scope_activation() -> None:
    sigmoid, relu = slow_among_fast(PrunerScope.ACTIVATION)
    for fates in (sigmoid, relu):
        assert 2 <= fates.count(None) <= 10
        assert fates.count(3) >= 15


def fates_of_many(name: str) -> list[int | None]:
    judge = pruning(name, PrunerScope.STUDY)
    rng = random.Random(0)
    return [train(judge, n, "relu", curve(rng.random(), judge.rungs)) for n in range(400)]


def test_successive_halving_lets_a_third_pass_each_rung() -> None:
    fates = fates_of_many("successive_halving")
    assert 1 - fates.count(3) / 400 == pytest.approx(1 / 3, abs=0.05)
    assert fates.count(None) / (400 - fates.count(3)) == pytest.approx(1 / 3, abs=0.2)


def test_percentile_is_gentler_than_median() -> None:
    assert fates_of_many("percentile").count(None) > 1.5 * fates_of_many("median").count(None)


def test_default_scope_is_the_activation() -> None:
    assert PrunerSpec().scope is PrunerScope.ACTIVATION
    assert PrunerSpec().name == PrunerName.SUCCESSIVE_HALVING


def sequence(seed: int, trials: int = 60) -> list[tuple[int, int, float]]:
    """Interleaved reports (trial, epoch, value): eight trials are under way at any time."""
    rng = random.Random(seed)
    finals = [rng.uniform(0.0, 0.9) for _ in range(trials)]
    reports = []
    for first in range(0, trials, 8):
        for epoch in (3, 6, 9, 12, 18, 24, 30):
            batch = list(range(first, min(first + 8, trials)))
            rng.shuffle(batch)
            for number in batch:
                noise = rng.gauss(0.0, 0.05)
                reports.append((number, epoch, finals[number] + 1.0 / epoch + noise))
    return reports


@pytest.mark.parametrize("name", DECIDING)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_decisions_equal_those_of_a_plain_optuna_study(name: PrunerName, direction: str) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    row = PRUNERS[name]
    rungs = row.rungs(EPOCHS)
    judge = pruning(name, PrunerScope.STUDY, direction)
    plain = optuna.create_study(study_name="0:all", direction=direction, pruner=row.build(EPOCHS))
    trials: dict[int, optuna.Trial] = {}
    ended: dict[int, int] = {}
    for number, epoch, loss in sequence(3):
        if number in ended or epoch not in rungs:
            continue
        value = sign * loss
        if number not in trials:
            trials[number] = plain.ask()
            judge.start(number, f"activation {number % 3}")
        trials[number].report(value, epoch)
        judge.report(number, epoch, value)
        if epoch == rungs[-1]:
            plain.tell(trials[number], value)
            judge.finish(number, value)
            ended[number] = epoch
            continue
        decision = judge.should_prune(number)
        assert decision == trials[number].should_prune(), (number, epoch)
        if decision:
            plain.tell(trials[number], state=TrialState.PRUNED)
            judge.finish(number, None, pruned=True)
            ended[number] = epoch
    assert len(ended) == 60
    assert EPOCHS in ended.values()
    assert min(ended.values()) < EPOCHS


@pytest.mark.parametrize("name", DECIDING)
def test_each_arm_decides_as_if_the_others_did_not_exist(name: PrunerName) -> None:
    rng = random.Random(2)
    together, alone = pruning(name), pruning(name)
    finals = [(("relu", "tanh")[n % 2], rng.uniform(0.0, 0.9)) for n in range(60)]
    fates = {}
    for number, (activation, final) in enumerate(finals):
        fates[number] = train(together, number, activation, curve(final, together.rungs))
    ours = [n for n, (activation, _) in enumerate(finals) if activation == "tanh"]
    assert [fates[n] for n in ours] == [
        train(alone, n, "tanh", curve(finals[n][1], alone.rungs)) for n in ours
    ]
    assert any(fates[n] for n in ours)


def test_nothing_is_pruned_without_a_pruner() -> None:
    judge = pruning("none")
    judge.start(0, "relu")
    judge.start(1, "relu")
    for number, value in ((0, 0.1), (1, 100.0)):
        judge.report(number, 3, value)
        assert not judge.should_prune(number)


def test_nan_is_pruned_by_successive_halving_and_leaves_no_mark_in_its_arm() -> None:
    judge = pruning(PrunerName.SUCCESSIVE_HALVING)
    clean = pruning(PrunerName.SUCCESSIVE_HALVING)
    fates = []
    for n in range(0, 40, 2):
        values = curve(0.02 * ((n * 7) % 40), judge.rungs)
        fates.append(train(judge, n, "relu", values))
        assert fates[-1] == train(clean, n, "relu", values)
        judge.start(n + 1, "relu")
        judge.report(n + 1, 9, nan)
        assert judge.should_prune(n + 1)
        judge.finish(n + 1, None)
    assert len(set(fates)) > 1


def test_nan_is_pruned_by_hyperband_in_every_bracket_that_has_a_rung_by_then() -> None:
    judge = pruning(PrunerName.HYPERBAND)
    pruned = []
    for n in range(40):
        judge.start(n, "relu")
        judge.report(n, 9, nan)
        pruned.append(judge.should_prune(n))
        judge.finish(n, None)
    # The last of the three brackets has no rung at epoch 9; the others take most trials.
    assert 20 < sum(pruned) < 40


def test_starting_a_trial_twice_keeps_it_once() -> None:
    # Hyperband's bracket depends on a trial's place within its arm.
    once, twice = pruning("hyperband"), pruning("hyperband")
    for number in range(40):
        values = curve(0.01 * ((number * 7) % 40), once.rungs)
        twice.start(number, "relu")
        assert train(once, number, "relu", values) == train(twice, number, "relu", values)


@pytest.mark.parametrize("name", DECIDING)
def test_after_a_restart_decisions_are_as_if_there_had_been_none(name: PrunerName) -> None:
    rng = random.Random(4)
    before = pruning(name)
    rungs = before.rungs
    history = []
    for number in range(40):
        activation = ("relu", "tanh", "gelu")[number % 3]
        values = curve(rng.uniform(0.0, 0.9), rungs)
        pruned = train(before, number, activation, values)
        seen = {epoch: v for epoch, v in values.items() if epoch <= (pruned or EPOCHS)}
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        history.append(record(number, activation, state, seen))
    after = pruning(name)
    after.replay(list(reversed(history)), lambda record: record.activation)
    fates = []
    for number in range(40, 80):
        activation = ("relu", "tanh", "gelu")[number % 3]
        values = curve(rng.uniform(0.0, 0.9), rungs)
        fate = train(after, number, activation, values)
        assert fate == train(before, number, activation, values)
        fates.append(fate)
    assert None in fates
    assert len(set(fates)) > 1


def test_interrupted_trials_are_replayed_in_their_place_and_can_be_trained_again() -> None:
    # Hyperband's bracket depends on a trial's place within its arm.
    whole, resumed = pruning("hyperband"), pruning("hyperband")
    curves = [curve(0.01 * ((n * 7) % 30), whole.rungs) for n in range(30)]
    for number in range(30):
        whole.start(number, "relu")
    waiting = [record(n, "relu", TrialState.WAITING, {}) for n in range(30)]
    resumed.replay(waiting, lambda record: record.activation)
    for number in range(30):
        assert train(resumed, number, "relu", curves[number]) == train(
            whole, number, "relu", curves[number]
        )


def test_failed_trials_of_the_history_are_taken_without_values() -> None:
    judge = pruning("median")
    judge.replay(
        [
            record(0, "relu", TrialState.FAIL, {}),
            record(1, "relu", TrialState.FAIL, {6: nan}),
            record(2, "relu", TrialState.PRUNED, {6: 0.5}),
        ],
        lambda record: record.activation,
    )
    assert train(judge, 3, "relu", curve(0.5, judge.rungs)) is None
