"""A stacked lane equals the plain network, whatever it is and in whatever company."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from search.activations import ACTIVATIONS
from search.networks.lane import Lane
from search.networks.sequential import build_network, load_state
from search.space import INITIALIZERS
from search.study import ParamValue, Task
from search.training.scoring import LaneReport
from tests.search.plain_network import (
    in_two_segments,
    lane,
    segment,
    small_data,
    train,
    train_plainly,
)

HIDDEN = [name for name, row in ACTIVATIONS.items() if row.hidden]
#: float64 rounding over a dozen steps; a slip of 1e-7 in a learning rate is ten times as large.
TOLERANCE = 1e-9
#: The same where Adam amplifies the rounding of a gradient that is zero.
NOISE = 1e-6

#: Compiled loops, and torch's kernels as on other devices.
pytestmark = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])

VARIANTS: dict[str, dict[str, ParamValue]] = {
    "prelu": {"prelu_slope": 0.1, "prelu_sharing": "channel"},
    "leaky_relu": {"leaky_relu_slope": 0.2},
    "silu": {"silu_beta": 1.7, "silu_learned": True},
    "elu": {"elu_alpha": 0.6},
    # torch rounds 1 / alpha to float32 in the backward pass: an alpha whose inverse is exact
    "celu": {"celu_alpha": 0.5},
    "rrelu": {"rrelu_lower": 0.05, "rrelu_upper": 0.4},
    "acon": {"acon_p1": 1.2, "acon_p2": -0.2, "acon_beta": 0.7, "acon_sharing": "layer"},
    "snake": {"snake_alpha": 0.6, "snake_learned": True},
    "sine": {"sine_frequency": 2.5},
    "threshold": {"threshold_threshold": 0.3, "threshold_value": -0.5},
    "star_relu": {"star_relu_scale": 0.5, "star_relu_bias": -0.1},
}


def assert_equals_plain_network(
    which: Lane,
    report: LaneReport,
    task: Task = Task.MULTICLASS,
    epochs: int = 3,
    device: str = "cpu",
) -> None:
    data = small_data(task)
    network, curve = train_plainly(which, data, epochs, device)
    assert report.epochs
    late = curve[-len(report.epochs) :]
    # A bias in front of batch normalization has gradient zero: what rounding leaves of it, 1e-17,
    # Adam divides by its own size, epsilon 1e-8 bounding the quotient. The running mean follows it
    # late, so that a steep activation shows it in the predictions.
    noisy_bias = which.config.normalization == "batch" and which.config.optimizer == "adamw"
    # torch rounds the slope of hardsigmoid, 1/6, to float32.
    rounded = which.config.activation == "hardsigmoid"
    tolerance = NOISE if noisy_bias or rounded else TOLERANCE
    np.testing.assert_allclose(report.validation_loss, late, rtol=tolerance, atol=tolerance)
    stacked = build_network(which.config, features=data.features_in, outputs=data.outputs).double()
    assert report.state is not None
    load_state(stacked, report.state, which.config)
    got, expected = list(stacked.parameters()), list(network.parameters())
    assert len(got) == len(expected) > 0
    for ours, theirs in zip(got, expected, strict=True):
        noise = rounded or (noisy_bias and ours.dim() == 1)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=NOISE if noise else TOLERANCE)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", HIDDEN)
def test_every_lane_equals_the_plain_network(
    activation: str, normalization: str, optimizer: str, compiled: bool
) -> None:
    """Every activation x normalization x optimizer; initializers, depths and folds in one stack."""
    company = [
        lane(
            trial,
            fold=trial % 2,
            activation=activation,
            normalization=normalization,
            optimizer=optimizer,
            initializer=initializer,
            depth=depth,
            learning_rate=0.003 * (trial + 1),
            weight_decay=0.01 * (trial % 3),
            gradient_clip=(None, 0.5)[trial % 2],
            schedule=("constant", "cosine")[trial % 2],
        )
        for trial, (initializer, depth) in enumerate(
            zip(INITIALIZERS, (3, 1, 1, 2, 2, 4, 3, 2, 5, 4, 3), strict=True)
        )
    ]
    reports = train(segment(company, compiled=compiled), small_data())
    for member in company:
        assert_equals_plain_network(member, reports[member.configuration, member.fold])


@pytest.mark.parametrize("activation", VARIANTS)
def test_own_parameters_of_activations_equal_the_plain_network(
    activation: str, compiled: bool
) -> None:
    company = [
        lane(trial, activation=activation, depth=1 + trial, **VARIANTS[activation])
        for trial in range(3)
    ]
    reports = train(segment(company, compiled=compiled), small_data())
    for member in company:
        assert_equals_plain_network(member, reports[member.configuration, 0])


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_every_activation_in_one_stack_equals_the_plain_network(
    normalization: str, compiled: bool
) -> None:
    company = [
        lane(
            trial,
            fold=trial % 2,
            activation=name,
            normalization=normalization,
            depth=1 + trial % 3,
            optimizer="adamw" if trial % 2 else "sgd",
            # What grows with the square of its input diverges from larger weights.
            initializer="lecun_normal",
            learning_rate=0.003,
            **options,
        )
        for trial, (name, options) in enumerate(
            [*((name, {}) for name in HIDDEN), *VARIANTS.items()]
        )
    ]
    reports = in_two_segments(segment(company, compiled=compiled), small_data(), at=1)
    for member in company:
        assert_equals_plain_network(member, reports[member.configuration, member.fold])


def test_sgd_without_momentum_equals_the_plain_network(compiled: bool) -> None:
    plain = lane(0, optimizer="sgd", momentum=0.0, weight_decay=0.01)
    heavy = lane(1, optimizer="sgd", momentum=0.9)
    reports = train(segment([plain, heavy], compiled=compiled), small_data())
    assert_equals_plain_network(plain, reports[0, 0])
    assert_equals_plain_network(heavy, reports[1, 0])


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_every_task_with_and_without_dropout_equals_the_plain_network(
    task: Task, dropout: float, compiled: bool
) -> None:
    company = [
        lane(trial, fold, activation="gelu", depth=3 - trial, dropout=dropout * trial / 2)
        for trial, fold in product(range(3), range(2))
    ]
    reports = train(segment(company, metrics=(), compiled=compiled), small_data(task))
    for member in company:
        assert_equals_plain_network(member, reports[member.configuration, member.fold], task)


def test_dropout_before_an_activation_that_keeps_only_its_output(compiled: bool) -> None:
    company = [lane(trial, activation="tanh", depth=2, dropout=0.5) for trial in range(2)]
    reports = train(segment(company, compiled=compiled), small_data())
    for member in company:
        assert_equals_plain_network(member, reports[member.configuration, 0])


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", ["relu", "prelu", "rrelu"])
def test_company_does_not_change_a_lane(
    activation: str, normalization: str, compiled: bool
) -> None:
    params: dict[str, ParamValue] = {"activation": activation, "normalization": normalization}
    me = lane(7, 1, depth=2, **params)
    alone = train(segment([me], compiled=compiled), small_data())[7, 1]
    company = [lane(t, t % 2, depth=1 + t % 5, dropout=0.1 * t, **params) for t in range(6)]
    together = train(segment([*company[:3], me, *company[3:]], compiled=compiled), small_data())[
        7, 1
    ]
    np.testing.assert_allclose(together.validation_loss, alone.validation_loss, atol=TOLERANCE)
    assert together.state is not None
    assert alone.state is not None
    np.testing.assert_allclose(together.state.params, alone.state.params, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_two_segments_equal_one(optimizer: str, compiled: bool) -> None:
    company = [
        lane(t, t % 2, activation="prelu", normalization="batch", depth=1 + t, optimizer=optimizer)
        for t in range(3)
    ]
    task = segment(company, epochs=4, compiled=compiled)
    whole = train(task, small_data())
    halves = in_two_segments(task, small_data(), at=2)
    for key, report in halves.items():
        assert report.state is not None
        state = whole[key].state
        assert state is not None
        np.testing.assert_array_equal(report.state.params, state.params)
        np.testing.assert_array_equal(report.state.running, state.running)
        assert report.validation_loss == whole[key].validation_loss[2:]


def test_nan_lane_does_not_touch_its_neighbours(compiled: bool) -> None:
    wild = lane(1, activation="identity", depth=6, learning_rate=1e30, optimizer="sgd")
    tame = [lane(t, activation="identity", depth=6, optimizer="sgd") for t in (0, 2)]
    data = small_data(Task.REGRESSION)
    together = train(segment([tame[0], wild, tame[1]], metrics=("mse",), compiled=compiled), data)
    alone = train(segment(tame, metrics=("mse",), compiled=compiled), data)
    failure = together[1, 0].failure
    assert failure is not None
    assert "training loss became" in failure
    assert "gradient_clip" in failure
    assert together[1, 0].state is None
    for member in tame:
        key = (member.configuration, 0)
        assert together[key].failure is None
        np.testing.assert_allclose(
            together[key].validation_loss, alone[key].validation_loss, atol=TOLERANCE
        )


def test_learned_slopes_are_the_lanes_own(compiled: bool) -> None:
    company = [lane(t, activation="prelu", depth=1, prelu_slope=0.1 * t) for t in range(3)]
    reports = train(segment(company, compiled=compiled), small_data())
    slopes = []
    for member in company:
        network = build_network(member.config, features=5, outputs=3).double()
        state = reports[member.configuration, 0].state
        assert state is not None
        load_state(network, state, member.config)
        prelu = network[1]
        assert isinstance(prelu, nn.PReLU)
        slopes.append(prelu.weight.item())
    assert len(set(slopes)) == 3
    assert all(slope != 0.1 * t for t, slope in enumerate(slopes))
