"""Gains: variance and critical, against integrals by another method and published figures."""

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from search.activations import ACTIVATIONS, get_activation
from search.activations.gains import LayerGains, critical_gains
from search.networks.sequential import FormulaModule
from tests.search.plain_network import config

#: torch's own functions, whose derivatives autograd knows exactly.
TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "prelu": lambda z: functional.leaky_relu(z, 0.25),
    "rrelu": lambda z: functional.leaky_relu(z, 11 / 48),
    "elu": functional.elu,
    "celu": functional.celu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    "hardswish": functional.hardswish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "hardtanh": functional.hardtanh,
    "relu6": functional.relu6,
    "squared_relu": lambda z: functional.relu(z) ** 2,
    "hardsigmoid": functional.hardsigmoid,
    "logsigmoid": functional.logsigmoid,
    "tanhshrink": functional.tanhshrink,
    "softshrink": functional.softshrink,
    "hardshrink": functional.hardshrink,
    "threshold": lambda z: functional.threshold(z, 1.0, 0.0),
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "quick_gelu": lambda z: z * torch.sigmoid(1.702 * z),
    "hard_mish": lambda z: 0.5 * z * (z + 2).clamp(0, 2),
    "serf": lambda z: z * torch.erf(functional.softplus(z)),
    "telu": lambda z: z * torch.tanh(torch.exp(z)),
    "golu": lambda z: z * torch.exp(-torch.exp(-z)),
    "smelu": lambda z: torch.where(z >= 1, z, functional.relu(z + 1) ** 2 / 4),
    "squareplus": lambda z: (z + torch.sqrt(z**2 + 4)) / 2,
    "star_relu": lambda z: 0.8944 * functional.relu(z) ** 2 - 0.4472,
    "xielu": lambda z: z / 2 + torch.where(z > 0, 0.8 * z**2, 0.8 * (torch.expm1(z) - z)),
    "acon": functional.silu,
    "pade": FormulaModule(config(activation="pade")).double(),
    "sine": torch.sin,
    "snake": lambda z: z + torch.sin(z) ** 2,
    "gaussian": lambda z: torch.exp(-(z**2) / 2),
    "identity": lambda z: z + 0.0,
}
HIDDEN = [row.name for row in ACTIVATIONS.values() if row.hidden]
#: Softplus, either way round, has no fixed point below the greatest variance that is tried, what
#: jumps has none at all; sigmoid has one centered.
CRITICAL = [
    name for name in HIDDEN if name not in {"softplus", "logsigmoid", "threshold", "hardshrink"}
]
GRID = torch.linspace(-10.0, 10.0, 200_001, dtype=torch.float64)
WEIGHTS = torch.exp(-0.5 * GRID**2) / torch.exp(-0.5 * GRID**2).sum()


def moments(name: str, q: float, center: float = 0.0) -> tuple[float, float]:
    """E[(f - center)²] and E[f'²] for z ~ N(0, q), by sums over a fine grid."""
    z = (sqrt(q) * GRID).requires_grad_()
    value = TORCH[name](z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    square = (value.detach() - center) ** 2
    return float(WEIGHTS @ square), float(WEIGHTS @ slope**2)


def gains(name: str, depth: int = 5) -> LayerGains:
    row = get_activation(name)
    return critical_gains(row.function, row.slope, row.numbers({}), depth)


def variance_of(found: LayerGains) -> float:
    return found.first**2 + found.bias**2


@pytest.mark.parametrize("depth", [1, 10, 50])
@pytest.mark.parametrize("name", CRITICAL)
def test_critical_gains_keep_signals_and_gradients(name: str, depth: int) -> None:
    found = gains(name, depth)
    q = variance_of(found)
    square, slope = moments(name, q, found.center)
    assert found.hidden**2 * square + found.bias**2 == pytest.approx(q, rel=1e-4)
    assert found.hidden**2 * slope == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "growth"),
    [("tanh", 1.178), ("softsign", 1.244), ("hardtanh", 1.323), ("relu", 1.0), ("gelu", 1.072)],
)
def test_the_gain_of_variance_lets_gradients_grow(name: str, growth: float) -> None:
    row = get_activation(name)
    _, slope = moments(name, 1.0)
    assert row.gain(row.numbers({})) ** 2 * slope == pytest.approx(growth, abs=6e-4)


@pytest.mark.parametrize(
    ("name", "weight", "bias"), [("gelu", 1.983, 0.173), ("silu", 1.988, 0.555)]
)
def test_half_stable_points_are_those_of_roberts_yaida_and_hanin(
    name: str, weight: float, bias: float
) -> None:
    """Roberts, Yaida & Hanin (2022), section 5.3.4: variances of weights and biases.

    They are the limit of infinite depth.
    """
    found = gains(name, 10**9)
    assert found.hidden**2 == pytest.approx(weight, abs=6e-4)
    assert found.bias**2 == pytest.approx(bias, abs=6e-4)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "prelu", "rrelu", "relu6", "identity"])
def test_rectifiers_are_critical_without_biases(name: str) -> None:
    row = get_activation(name)
    found = gains(name)
    # Deviations up to 1e-6 of chi are let pass for relu6; evaluation's slope is rrelu's mean.
    near = 5e-3 if name == "rrelu" else 1e-4
    assert found == LayerGains(first=1.0, hidden=pytest.approx(row.gain(row.numbers({})), rel=near))


def test_the_sigmoid_is_treated_as_the_tanh_that_it_is() -> None:
    """sigmoid(z) - 1/2 = tanh(z/2) / 2."""
    sigmoid, tanh = gains("sigmoid"), gains("tanh")
    assert sigmoid.center == 0.5
    assert sigmoid.hidden == pytest.approx(4.0 * tanh.hidden, rel=1e-5)
    assert sigmoid.first == pytest.approx(2.0 * tanh.first, rel=1e-5)
    assert sigmoid.bias == pytest.approx(2.0 * tanh.bias, rel=1e-5)
    assert tanh.center == 0.0


@pytest.mark.parametrize("name", ["threshold", "hardshrink"])
def test_what_jumps_gets_the_gain_of_variance(name: str) -> None:
    row = get_activation(name)
    assert gains(name) == LayerGains(hidden=row.gain(row.numbers({})))


def test_the_fixed_point_of_what_bends_upwards_is_the_nearer_to_zero_the_deeper() -> None:
    variances = [variance_of(gains("xielu", depth)) for depth in (1, 5, 10, 50)]
    assert variances[0] == pytest.approx(1.0)
    assert variances == sorted(variances, reverse=True)
    assert variances[-1] < 0.1


def test_squared_relu_is_critical_with_a_quarter_of_its_variance_in_biases() -> None:
    """E[f²] = 3/2 q², E[f'²] = 2q: gain² = 1/2 and bias² = 1/4 at q = 1."""
    found = gains("squared_relu")
    assert (found.hidden**2, found.bias**2) == pytest.approx((0.5, 0.25), rel=1e-6)
    assert found.first**2 == pytest.approx(0.75, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("name", ["elu", "celu"])
def test_parameters_of_the_whole_range_have_finite_gains(name: str, alpha: float) -> None:
    if name == "celu" and alpha == 0.0:
        alpha = 0.05
    row = get_activation(name)
    found = critical_gains(row.function, row.slope, {"alpha": alpha}, 5)
    assert np.isfinite([found.first, found.hidden, found.bias]).all()
    assert 0.15 < found.hidden < 2.0


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0, 4.0, 10.0])
def test_silu_has_finite_gains_for_every_beta(beta: float) -> None:
    row = get_activation("silu")
    found = critical_gains(row.function, row.slope, {"beta": beta}, 50)
    assert 1.3 < found.hidden <= 2.0 + 1e-6
    assert 1.0 - 1e-9 <= variance_of(found) <= 16.0 + 1e-9


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "hardswish"])
def test_the_fixed_point_repels_the_less_the_deeper_the_network(name: str) -> None:
    variances = []
    for depth in (1, 5, 10, 20, 50):
        found = gains(name, depth)
        q, step = variance_of(found), 1e-4
        # The variance of the next layer by that of this one, for q just above and below.
        ahead, behind = (moments(name, q * (1 + s))[0] for s in (step, -step))
        eta = found.hidden**2 * (ahead - behind) / (2 * step * q)
        assert eta < 1.0 + 10.0 / depth**2 + 1e-4
        variances.append(q)
    assert variances[0] == pytest.approx(1.0, abs=1e-9)
    assert variances == sorted(variances)
    assert variances[-1] > 1.05
