"""Symptoms at their thresholds, on cases made up for it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

import pytest

from search.diagnostics import RULES, FindingName
from search.diagnostics.conditions import TrainingEvidence
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
}


def evidence(
    *snapshots: dict[str, tuple[float, float]],
    train: Sequence[float] = (0.6, 0.4, 0.3),
    validation: Sequence[float] = (0.6, 0.4, 0.3),
    complete: bool = True,
    **params: ParamValue,
) -> TrainingEvidence:
    """A training of two layers whose loss at chance is 1."""
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
        validation_loss=validation,
        chance=1.0,
        complete=complete,
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
    assert "its norm is 2.0e-05 there, 1.0e-05 at the last hidden one" in finding.sentence
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
        ((0.6, 0.3, 0.1), (0.6, 0.5, 0.7), False),
        ((0.6, 0.3, 0.6), (0.6, 0.4, 0.7), False),
    ],
)
def test_overfitting_is_a_rise_and_a_gap(
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
        assert found("stuck_at_chance", evidence({}, train=train)) is (0.98 <= train[-1] <= 1.05)


@pytest.mark.parametrize(("loss", "under_way", "ended"), [(3.0, False, True), (101.0, True, True)])
def test_a_loss_that_may_come_down_again_is_divergence_only_at_the_end(
    loss: float, under_way: bool, ended: bool
) -> None:
    assert found("diverged", evidence({}, train=(loss,), complete=False)) is under_way
    assert found("diverged", evidence({}, train=(loss,))) is ended


@pytest.mark.parametrize("name", list(FindingName))
def test_nothing_recorded_is_no_finding(name: FindingName) -> None:
    assert RULES[name].apply(evidence(train=(), validation=())) is None
