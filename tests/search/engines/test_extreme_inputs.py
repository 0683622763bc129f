"""Activations of both engines near 0, far from it and at infinity, against exact formulas."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray

from search.activations import ActivationName, get_activation
from search.engines.compiled import can_compile
from search.engines.compiled.activation_functions import FUNCTIONS
from search.engines.stacked.kernels import get_kernel

Floats = NDArray[np.float32]
#: (z, p) -> value and slope.
Passes = Callable[[Floats, float], tuple[Floats, Floats]]
#: One activation at its default, so that a quicker kernel may do, and at another number.
CASES = [
    ("tanh", 0.0),
    ("selu", 0.0),
    ("elu", 1.0),
    ("elu", 0.7),
    ("celu", 1.0),
    ("celu", 0.7),
    ("mish", 0.0),
    ("leaky_relu", 0.25),
    ("prelu", 0.25),
    ("prelu", 1.5),
]
NUMBER = {"elu": "alpha", "celu": "alpha", "leaky_relu": "slope", "prelu": "slope"}


def compiled(name: str) -> Passes:
    """The scalar function of the compiled engine, over an array."""
    function = FUNCTIONS[ActivationName(name)]

    @njit(error_model="numpy")
    def loop(z: Floats, p: np.float32, value: Floats, slope: Floats) -> None:
        for i in range(z.size):
            result = function(z[i], p)
            value[i] = result[0]
            slope[i] = result[1]

    def passes(z: Floats, p: float) -> tuple[Floats, Floats]:
        value, slope = np.empty_like(z), np.empty_like(z)
        loop(z, np.float32(p), value, slope)
        return value, slope

    return passes


def stacked(name: str) -> Passes:
    """The kernel of the stacked engine, in place where it works so."""
    row = get_activation(name)

    def passes(z: Floats, p: float) -> tuple[Floats, Floats]:
        own = {NUMBER[name]: p} if name in NUMBER else {}
        plain = own == row.numbers({}) and name != "prelu"
        kernel = get_kernel(row, plain=plain)
        numbers = {key: torch.tensor(number) for key, number in kernel.numbers(own).items()}
        pre = torch.from_numpy(z.copy())
        scratch = (torch.empty_like(pre), torch.empty_like(pre))
        active = pre if kernel.in_place else torch.empty_like(pre)
        kernel.forward(pre, active, numbers, scratch)
        grad = torch.ones_like(pre)
        kernel.backward(grad, pre, active, numbers, scratch)
        return active.numpy(), grad.numpy()

    return passes


ENGINES = pytest.mark.parametrize(
    "engine",
    [pytest.param(compiled, marks=pytest.mark.skipif(not can_compile("cpu"), reason="no Numba")),
     stacked],
)  # fmt: skip


def exact(name: str, z: Floats, p: float) -> NDArray[np.float64]:
    own = {NUMBER[name]: float(np.float32(p))} if name in NUMBER else {}
    with np.errstate(over="ignore"):
        return get_activation(name).function(z.astype(np.float64), own)


@ENGINES
@pytest.mark.parametrize(("name", "p"), CASES)
def test_values_near_zero_are_exact_to_float32s_own_rounding(
    engine: Callable[[str], Passes], name: str, p: float
) -> None:
    size = np.geomspace(1e-30, 3.0, 500).astype(np.float32)
    z = np.concatenate([-size, size])
    value, _ = engine(name)(z, p)
    np.testing.assert_allclose(value, exact(name, z, p), rtol=1e-6, atol=0.0)


@ENGINES
@pytest.mark.parametrize(("name", "p"), CASES)
def test_infinity_and_huge_numbers_keep_their_value_and_slope(
    engine: Callable[[str], Passes], name: str, p: float
) -> None:
    z = np.array([1e4, 1e30, inf], np.float32)
    value, slope = engine(name)(z, p)
    np.testing.assert_allclose(value, exact(name, z, p), rtol=1e-6)
    ends = {"tanh": 0.0, "selu": 1.0507009873554805}
    np.testing.assert_allclose(slope, np.full(3, ends.get(name, 1.0)), rtol=1e-6)


@ENGINES
@pytest.mark.parametrize(("name", "p"), CASES)
def test_nan_stays_nan(engine: Callable[[str], Passes], name: str, p: float) -> None:
    value, _ = engine(name)(np.array([np.nan], np.float32), p)
    assert np.isnan(value).all()
