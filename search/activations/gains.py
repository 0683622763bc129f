"""The gain of an activation: what a layer's weights are scaled by so that signals keep their size.

With weights of mean 0 and variance `gain² / fan_in` and inputs `f(z)`, z ~ N(0, 1), the variance
of the next pre-activation is `gain² E[f(z)²]`. It is 1 again for `gain = E[f(z)²]^(-1/2)`, which
is the rule of He et al. (2015) for ReLU and is applied here to every activation alike.

Variance 1 is then a fixed point of the map from layer to layer, in wide networks. It attracts for
tanh, selu, elu, softsign, ... and is neutral for the rectifiers; for gelu, silu, mish and hardswish
it repels (a deviation grows by 1.14, 1.17, 1.08 and 1.22 a layer), so that in networks tens of
layers deep the chance deviations of a finite width grow. No constant gain can mend that.

`torch.nn.init.calculate_gain` agrees on the rectifiers and the identity, and differs elsewhere.
It has 5/3 for tanh, where E[tanh(z)²]^(-1/2) = 1.5925 (its number is a rounded empirical one);
3/4 for selu, chosen against saturation, while the self-normalizing argument of Klambauer et al.
(2017) needs 1; 1 for sigmoid, where this rule gives 1.8462; and it knows no other function.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from math import pi, sqrt
from typing import TypeAlias

import numpy as np
from scipy.special import erfcx

from search.activations.formulas import SELU_ALPHA, SELU_SCALE, Array, Formula, Numbers

Gain: TypeAlias = Callable[[Numbers], float]

#: Beyond 14 standard deviations the normal density is below 1e-43.
_REACH = 14
#: Gauss-Legendre nodes a unit interval.
_NODES = 32


@cache
def _quadrature() -> tuple[Array, Array]:
    """Nodes and weights of E[g(z)], z ~ N(0, 1), for g that is smooth between whole numbers.

    One Gauss-Legendre rule a unit interval, because a single Gauss-Hermite rule converges slowly
    across a kink, and every kink in the table of activations lies at a whole number.
    """
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    left = np.arange(-_REACH, _REACH, dtype=np.float64)[:, None]
    nodes = (left + (node + 1.0) / 2.0).ravel()
    density = np.exp(-0.5 * nodes**2) / sqrt(2.0 * pi)
    return nodes, np.tile(weight / 2.0, 2 * _REACH) * density


def numerical_gain(formula: Formula) -> Gain:
    """Gain of `formula` by quadrature, to about 14 digits; remembered for each parameter set."""

    @lru_cache(maxsize=4096)
    def gain_of(items: tuple[tuple[str, float], ...]) -> float:
        nodes, weights = _quadrature()
        return float((weights @ formula(nodes, dict(items)) ** 2) ** -0.5)

    return lambda p: gain_of(tuple(sorted(p.items())))


def unit_gain(p: Numbers) -> float:
    """1: the identity, and activations at the output, which feed no further layer."""
    return 1.0


def rectifier_gain(p: Numbers) -> float:
    """sqrt(2 / (1 + slope²)), He et al. (2015), equation 15; slope is 0 where there is none."""
    return sqrt(2.0 / (1.0 + p.get("slope", 0.0) ** 2))


def rrelu_gain(p: Numbers) -> float:
    """sqrt(2 / (1 + E[slope²])) for slope ~ U(lower, upper): the moment met in training."""
    low, high = p["lower"], p["upper"]
    return sqrt(2.0 / (1.0 + (low * low + low * high + high * high) / 3.0))


def _exponential_moment(alpha: float, rate: float) -> float:
    """E[f(z)²] of z for z > 0 and alpha * (exp(rate * z) - 1) below, z ~ N(0, 1)."""

    def half(t: float) -> float:  # exp(t²/2) * P(z < -t), without overflow
        return float(erfcx(t / sqrt(2.0))) / 2.0

    return 0.5 + alpha**2 * (half(2.0 * rate) - 2.0 * half(rate) + 0.5)


def elu_gain(p: Numbers) -> float:
    """Return the closed form, from the moments of a truncated log-normal variable."""
    return 1.0 / sqrt(_exponential_moment(p["alpha"], 1.0))


def celu_gain(p: Numbers) -> float:
    """Return the closed form as for ELU, the exponential running 1 / alpha times as fast."""
    return 1.0 / sqrt(_exponential_moment(p["alpha"], 1.0 / p["alpha"]))


def selu_gain(p: Numbers) -> float:
    """1 up to the rounding of the two constants, which were made for that."""
    return 1.0 / (SELU_SCALE * sqrt(_exponential_moment(SELU_ALPHA, 1.0)))


def gelu_gain(p: Numbers) -> float:
    """E[z² Phi(z)²] = 1/3 + 1 / (2 pi sqrt 3)."""
    return 1.0 / sqrt(1.0 / 3.0 + 1.0 / (2.0 * pi * sqrt(3.0)))
