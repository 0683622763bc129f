"""Conditions at their thresholds, on evidence made up for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite, nan

import pytest

from search.diagnostics import RULES, FindingName, diagnose
from search.diagnostics.evidence import TrainingEvidence
from search.study import LayerSnapshot, ParamValue

STATISTICS = {
    "activation_mean": 0.0,
    "activation_std": 1.0,
    "dead_units": 0.0,
    "saturated": 0.0,
    "gradient_norm": 1.0,
    "update_ratio": 1e-2,
}
PARAMS: dict[str, ParamValue] = {
    "activation": "tanh",
    "initializer": "kaiming_normal",
    "depth": 2,
    "width": 64,
    "learning_rate": 1e-3,
    "optimizer": "adamw",
}


def evidence(
    *snapshots: dict[str, tuple[float, float]],
    train: Sequence[float] = (0.6, 0.4, 0.3),
    validation: Sequence[float] | None = None,
    complete: bool = True,
    **params: ParamValue,
) -> TrainingEvidence:
    """A training of two layers whose loss at chance is 1; it generalizes unless told otherwise."""
    layers = [
        LayerSnapshot(
            epoch=3 * place,
            statistics={name: (value,) * 2 for name, value in STATISTICS.items()} | changes,
        )
        for place, changes in enumerate(snapshots)
    ]
    return TrainingEvidence(
        params={**PARAMS, **params},
        layers=layers,
        train_loss=train,
        validation_loss=train if validation is None else validation,
        chance=1.0,
        complete=complete,
        epochs=3,
        evaluated_at=(1, 2, 3),
    )


def found(name: str, given: TrainingEvidence) -> bool:
    return RULES[FindingName(name)].apply(given) is not None


@pytest.mark.parametrize(
    ("activation", "saturated", "loss", "is_found"),
    [
        ("tanh", 0.95, 0.3, True),
        ("tanh", 0.85, 0.3, False),
        ("tanh", 0.95, 0.2, False),
        ("sigmoid", 0.95, 0.3, True),
        ("softsign", 0.95, 0.3, True),
        ("hardtanh", 0.95, 0.3, True),
        ("relu", 0.95, 0.3, False),
        ("relu6", 0.95, 0.3, False),
        ("elu", 0.95, 0.3, False),
        ("softplus", 0.95, 0.3, False),
    ],
)
def test_saturation_is_a_fault_of_two_sided_functions_with_much_to_learn(
    activation: str, saturated: float, loss: float, is_found: bool
) -> None:
    given = evidence({"saturated": (0.1, saturated)}, train=(loss,) * 3, activation=activation)
    assert found("saturation", given) is is_found


@pytest.mark.parametrize(
    ("norms", "loss", "is_found"),
    [
        ((0.009, 1.0), 0.3, True),
        ((0.011, 1.0), 0.3, False),
        ((5e-4, 5e-4), 0.95, True),
        # A network that has learned its rows has small gradients.
        ((5e-4, 5e-4), 0.1, False),
        ((nan, 1.0), 0.95, False),
    ],
)
def test_gradients_vanish_towards_the_first_layer_or_everywhere(
    norms: tuple[float, float], loss: float, is_found: bool
) -> None:
    given = evidence({"gradient_norm": norms}, train=(loss,) * 3)
    assert found("vanishing_gradients", given) is is_found


def test_a_gradient_equally_small_everywhere_is_not_said_to_fade() -> None:
    given = evidence({"gradient_norm": (2e-5, 1e-5)}, train=(1.0, 1.0, 1.0))
    finding = RULES[FindingName.VANISHING_GRADIENTS].apply(given)
    assert finding is not None
    assert (
        "at epoch 0 its norm was 2.0e-05 there, 1.0e-05 at the last hidden one" in finding.sentence
    )
    assert "fade" not in finding.sentence


@pytest.mark.parametrize(("norm", "is_found"), [(99.0, False), (101.0, True), (inf, True)])
def test_gradients_explode_at_any_snapshot(norm: float, is_found: bool) -> None:
    given = evidence({"gradient_norm": (1.0, norm)}, {})
    assert found("exploding_gradients", given) is is_found


@pytest.mark.parametrize(
    ("first", "last", "born", "died"),
    [(0.0, 0.6, False, True), (0.6, 0.7, True, False), (0.3, 0.4, False, False)],
)
def test_units_born_dead_are_told_from_units_that_died(
    first: float, last: float, born: bool, died: bool
) -> None:
    given = evidence({"dead_units": (0.0, first)}, {"dead_units": (0.0, last)})
    assert found("born_dead", given) is born
    assert found("dying_relu", given) is died
    assert not found("dead_layer", given)
    assert found("dead_layer", evidence({"dead_units": (0.0, 1.0)}))


def test_steps_are_judged_by_the_largest_as_a_schedule_may_end_at_zero() -> None:
    tiny = {"update_ratio": (1e-6, 1e-6)}
    assert found("dead_learning_rate", evidence(tiny, tiny, train=(0.9,) * 3))
    assert not found("dead_learning_rate", evidence({}, tiny, train=(0.9,) * 3))
    assert not found("dead_learning_rate", evidence(tiny, tiny, train=(0.5,) * 3))


@pytest.mark.parametrize(
    ("then", "now", "is_found"),
    [(0.3, 0.005, True), (0.3, 0.995, True), (0.3, 0.02, False), (0.005, 0.004, False)],
)
def test_a_slope_collapses_where_it_was_not_before(then: float, now: float, is_found: bool) -> None:
    given = evidence({"slope": (0.3, then)}, {"slope": (0.3, now)}, activation="prelu")
    assert found("slope_collapsed", given) is is_found
    beta = evidence({"beta": (1.0, then)}, {"beta": (1.0, now)}, activation="silu")
    assert found("slope_collapsed", beta) is (is_found and now < 0.5)  # a beta of 1 is SiLU's own


@pytest.mark.parametrize(
    ("train", "validation", "is_found"),
    [
        ((0.6, 0.3, 0.1), (0.6, 0.4, 0.7), True),
        ((0.6, 0.3, 0.1), (0.6, 0.5, 0.54), False),
        # Less than half of what was learned of the training rows holds for others.
        ((0.6, 0.3, 0.1), (0.6, 0.5, 0.56), True),
        ((0.6, 0.3, 0.1), (1.1, 1.2, 1.2), True),
        ((0.6, 0.3, 0.6), (0.6, 0.4, 0.7), False),
        ((0.9, 0.8, 0.75), (1.0, 1.0, 1.0), False),
    ],
)
def test_overfitting_is_a_rise_and_a_gap_or_a_share_that_does_not_hold(
    train: Sequence[float], validation: Sequence[float], is_found: bool
) -> None:
    assert found("overfitting", evidence({}, train=train, validation=validation)) is is_found
    unfinished = evidence({}, train=train, validation=validation, complete=False)
    assert not found("overfitting", unfinished)


@pytest.mark.parametrize(
    ("train", "is_found"),
    [((1.0, 0.8, 0.6), True), ((1.0, 0.62, 0.6), False), ((1.0, 0.6, 0.4), False)],
)
def test_underfitting_is_a_high_loss_that_still_fell(
    train: Sequence[float], is_found: bool
) -> None:
    assert found("underfitting", evidence({}, train=train)) is is_found


@pytest.mark.parametrize(
    ("train", "step", "is_found"),
    [
        ((1.0, 1.0, 1.0), 1e-4, True),
        ((1.0, 1.0, 1.0), 1e-2, False),
        ((1.0, 1.0), 1e-4, False),
        ((1.0, 1.01, 1.0), 1e-4, False),
        ((1.0, 0.97, 0.97), 1e-4, False),
        ((1.0, 1.2, 1.2), 1e-4, False),
    ],
)
def test_a_training_under_way_is_stuck_only_if_flat_and_hardly_moving(
    train: Sequence[float], step: float, is_found: bool
) -> None:
    given = evidence({"update_ratio": (step, step)}, train=train, complete=False)
    assert found("stuck_at_chance", given) is is_found
    if len(train) == 3:
        assert found("stuck_at_chance", evidence({}, train=train)) is (train[-1] >= 0.98)


@pytest.mark.parametrize(("loss", "under_way", "ended"), [(3.0, False, True), (101.0, True, True)])
def test_a_loss_that_may_come_down_again_is_divergence_only_at_the_end(
    loss: float, under_way: bool, ended: bool
) -> None:
    rising = (1.0, 2.0, loss)
    assert found("diverged", evidence({}, train=rising, complete=False)) is under_way
    assert found("diverged", evidence({}, train=rising)) is ended


def test_a_network_that_began_far_off_and_hardly_trained_has_not_diverged() -> None:
    assert not found("diverged", evidence({}, train=(4.0, 3.5, 3.0)))
    assert found("stuck_at_chance", evidence({}, train=(4.0, 3.5, 3.0)))


def test_dropout_that_raises_the_training_loss_is_not_taken_for_learning_nothing() -> None:
    assert not found("stuck_at_chance", evidence({}, train=(1.2, 1.1, 1.0), validation=(0.5,) * 3))


def test_rows_learned_by_heart_are_not_taken_for_learning_nothing() -> None:
    by_heart = evidence({}, train=(0.5, 0.3, 0.1), validation=(1.0, 1.1, 1.2))
    assert not found("stuck_at_chance", by_heart)
    assert found("overfitting", by_heart)


@pytest.mark.parametrize(
    ("ratio", "train", "is_found"),
    [(0.9e-3, 0.6, True), (1.1e-3, 0.6, False), (0.9e-3, 0.4, False)],
)
def test_a_signal_fades_on_its_way_forward(ratio: float, train: float, is_found: bool) -> None:
    losses = (train,) * 3
    faded = {"activation_std": (1.0, ratio)}
    assert found("fading_signal", evidence(faded, {}, train=losses)) is is_found
    assert found("fading_signal", evidence({}, faded, train=losses)) is is_found
    assert not found("fading_signal", evidence({}, {}, train=losses))


def test_a_gradient_that_faded_at_the_first_step_counts_where_little_was_learned() -> None:
    faded = {"gradient_norm": (0.9e-2, 1.0)}
    assert found("vanishing_gradients", evidence(faded, {}, train=(1.0, 0.95, 0.95)))
    assert not found("vanishing_gradients", evidence(faded, {}, train=(1.0, 0.5, 0.2)))
    assert found("vanishing_gradients", evidence({}, faded, train=(1.0, 0.5, 0.2)))


@pytest.mark.parametrize("norm", [nan, inf])
def test_a_gradient_that_is_no_number_has_exploded(norm: float) -> None:
    finding = RULES[FindingName.EXPLODING_GRADIENTS].apply(
        evidence({}, {"gradient_norm": (1.0, norm)})
    )
    assert finding is not None
    assert finding.sentence == "The gradient of layer 2 was no finite number at epoch 3."
    assert all(map(isfinite, finding.numbers.values()))


@pytest.mark.parametrize(
    ("train", "validation", "is_found"),
    [
        ((0.8, 0.75, 0.74), (0.8, 0.76, 0.75), True),
        ((0.8, 0.5, 0.5), (0.8, 0.5, 0.5), False),  # low enough
        ((1.0, 0.9, 0.7), (1.0, 0.9, 0.7), False),  # still falling
        ((0.8, 0.65, 0.64), (0.9, 0.9, 0.9), False),  # the training rows are fitted better
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), False),  # stuck at chance
    ],
)
def test_a_loss_stalls_where_it_is_high_and_flat_on_all_rows(
    train: Sequence[float], validation: Sequence[float], is_found: bool
) -> None:
    assert found("stalled", evidence({}, train=train, validation=validation)) is is_found


def test_a_failed_trials_findings_say_their_own_sentences() -> None:
    failed = replace(
        evidence({"gradient_norm": (1e9, 1e9)}, train=(1.0,)), failure="the engine's reason"
    )
    sentences = [finding.sentence for finding in diagnose(failed)]
    assert sentences == [
        "The training loss became no finite number.",
        "The gradient of layer 2 had norm 1e+09 at epoch 0.",
    ]


@pytest.mark.parametrize("name", list(FindingName))
def test_nothing_recorded_is_no_finding(name: FindingName) -> None:
    assert RULES[name].apply(evidence(train=(), validation=())) is None
