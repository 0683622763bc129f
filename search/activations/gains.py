"""What a layer's weights are scaled by so that signals keep their size, forward and backward.

Notation: z a pre-activation, z ~ N(0, q) in a wide network; f the activation; weights of a hidden
layer have variance `gain² / fan_in`, biases variance `bias²`. Then (Poole et al. 2016; Schoenholz
et al. 2017, equations 3 and 7)

    q of the next layer          gain² E[f(z)²] + bias²
    squared gradients, backward  times chi = gain² E[f'(z)²] a layer
    deviations of q, forward     times eta = gain² dE[f(z)²]/dq a layer

**Variance** asks for a fixed point at q = 1 without biases: `gain = E[f(z)²]^(-1/2)`, the rule of
He et al. (2015) for ReLU applied to every activation alike. It says nothing about chi, which is
then 1 for the rectifiers and 1.178 for tanh, 1.244 for softsign, 1.323 for hardtanh; nor about eta,
which is below 1 for those and 1.144, 1.173, 1.076, 1.224 for gelu, silu, mish, hardswish: there a
chance deviation of a finite width grows from layer to layer, and no constant gain mends that.

**Critical** asks for a fixed point with chi = 1, the edge of chaos (Schoenholz et al. 2017; Hayou,
Doucet & Rousseau 2019), by gain and bias together: `gain = E[f'(z)²]^(-1/2)` and `bias² = q -
gain² E[f(z)²]` for a q that is still to be chosen, see `critical_gains`.

`torch.nn.init.calculate_gain` agrees with variance on the rectifiers and the identity, and differs
elsewhere. It has 5/3 for tanh, where E[tanh(z)²]^(-1/2) = 1.5925 (its number is a rounded empirical
one); 3/4 for selu, chosen against saturation, while the self-normalizing argument of Klambauer et
al. (2017) needs 1; 1 for sigmoid, where variance gives 1.8462; and it knows no other function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import inf, pi, sqrt
from typing import TypeAlias

import numpy as np
from scipy.special import erfcx

from search.activations.formulas import SELU_ALPHA, SELU_SCALE, Formula, Numbers
from search.activations.quadrature import normal_nodes

Gain: TypeAlias = Callable[[Numbers], float]


def numerical_gain(formula: Formula) -> Gain:
    """Gain of `formula` by quadrature, to about 14 digits; remembered for each parameter set."""

    @lru_cache(maxsize=4096)
    def gain_of(items: tuple[tuple[str, float], ...]) -> float:
        nodes, weights = normal_nodes(formula, items, 1.0)
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


class GainRule(StrEnum):
    """Criteria for a gain. Names are stored with every trial: values are only ever added."""

    VARIANCE = "variance"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGains:
    """Gains and biases of a whole network: a weight's standard deviation is gain / sqrt(fan_in)."""

    #: Gain of the first hidden layer, which is fed with data of variance 1.
    first: float = 1.0
    #: Gain of every further hidden layer.
    hidden: float = 1.0
    #: Gain of the output layer.
    output: float = 1.0
    #: Standard deviation of the biases of hidden layers.
    bias: float = 0.0
    #: What the bias of every layer behind an activation takes off the activation, so that the next
    #: layer is fed with `f - center` in effect.
    center: float = 0.0

    @classmethod
    def same(cls, gain: float) -> LayerGains:
        """Return `gain` for every layer, without biases."""
        return cls(first=gain, hidden=gain, output=gain)

    def of_layer(self, layer: int, depth: int) -> float:
        """Return the gain of a layer of a network of `depth` hidden ones; 0 is the first."""
        if layer == 0:
            return self.first
        return self.hidden if layer < depth else self.output


#: Least eta at the critical fixed point. Nearer to 1 the network is more linear, and a deviation
#: of q lives longer; further away the bends that make chi = 1 true only on average are met more
#: often. Between 0.6 and 0.9 the bounded functions train alike at depth 50, at 0.4 (q = 1 for tanh)
#: and at 1 (q = 0) worse; see INITIALIZATION.md.
_LEAST_ETA = 0.75
#: Where the fixed point repels, eta is at most 1 + this / depth². For gelu, silu and hardswish ten
#: layers train best at q = 1 whatever eta is there (1.10 for silu), fifty only near eta = 1.
_REPULSION = 10.0
#: q is sought between these variances; at the last one shows how a function grows in the end.
_SMALLEST_Q, _LARGEST_Q, _FAR_Q = 1e-3, 16.0, 1e4
#: Errors of the moments stay below this.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class _Moments:
    """E[f²], dE[f²]/dq and E[f'²] for z ~ N(0, q)."""

    square: float
    growth: float
    slope: float

    @property
    def eta(self) -> float:
        """Factor on deviations of q where chi is 1; infinite where f is flat."""
        return self.growth / self.slope if self.slope > 0.0 else inf


@dataclass(frozen=True, slots=True)
class _Curve:
    """A function with its slope, at given numbers."""

    formula: Formula
    slope: Formula
    items: tuple[tuple[str, float], ...]

    def moments(self, q: float, center: float = 0.0) -> _Moments:
        """Return the moments of `f - center`."""
        p = dict(self.items)
        z, weights = normal_nodes(self.formula, self.items, q)
        square = (self.formula(z, p) - center) ** 2
        return _Moments(
            square=float(weights @ square),
            # The derivative of the normal density by its variance is the density times this factor.
            growth=float(weights @ (square * (z * z / q - 1.0))) / (2.0 * q),
            slope=float(weights @ self.slope(z, p) ** 2),
        )


def _bias_variance(moments: _Moments, q: float) -> float:
    """Return the variance of biases that makes q a fixed point where chi is 1."""
    return q - moments.square / moments.slope


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return where `excess` falls through 0; the end nearest to that where it does so nowhere."""
    if excess(low) <= 0.0:
        return low
    if excess(high) >= 0.0:
        return high
    # Imported here because it costs every process 0.2 s, and few ask.
    from scipy.optimize import brentq  # noqa: PLC0415

    return float(brentq(excess, low, high, xtol=1e-9))


def critical_gains(formula: Formula, slope: Formula, p: Numbers, depth: int) -> LayerGains:
    """Return gains and biases of the edge of chaos, chi = 1, for `depth` hidden layers.

    `slope` is the derivative of `formula`; jumps count for nothing.

    q is the variance of the pre-activations at the fixed point. There is a choice of it:

    - eta is the same at every q for powers of z on either side of 0: 1 for the rectifiers, without
      a bias, and 1.5 for squared ReLU. q = 1.
    - eta is below 1 at every q for tanh, elu, ...: it falls as q grows. q is the one where
      `_LEAST_ETA` is reached, 1 at most.
    - eta is above 1 at q = 1 for gelu, silu, mish, hardswish, and comes down to 1 at a half-stable
      point (Roberts, Yaida & Hanin 2022, section 5.3.4), which may be far: 14.3 for silu. Large q
      make shallow networks worse: q is the least, from 1 on, at which eta is near enough to 1 for
      the depth, see `_REPULSION`.
    - eta rises with q for xielu, which is linear at zero and bends upwards: q is the greatest, up
      to 1, at which eta is near enough to 1 for the depth.
    - Threshold and hardshrink jump, so that gradients tell less than signals grow by: no gain and
      bias has both, and they get the gain of variance.
    - No q has a bias of positive variance for sigmoid and softplus, whose mean grows with the
      layers: `center` takes f(0) off, and sigmoid is treated as the tanh that it is then. Softplus
      has eta above 1 even so, up to the largest q that is tried.

    The first layer's gain leads from data of variance 1 to q; the output layer's is 1, or less
    where logits would have a variance above 1. Remembered for each parameter set.
    """
    return _critical_gains(_Curve(formula, slope, tuple(sorted(p.items()))), depth)


@lru_cache(maxsize=4096)
def _critical_gains(curve: _Curve, depth: int) -> LayerGains:
    center = 0.0
    if _bias_variance(curve.moments(1.0), 1.0) < -_TOLERANCE:
        center = float(curve.formula(np.zeros(1), dict(curve.items))[0])

    def eta(q: float) -> float:
        return curve.moments(q, center).eta

    if abs(eta(_SMALLEST_Q) - eta(_LARGEST_Q)) < _TOLERANCE:
        q = 1.0
    elif eta(1.0) > 1.0:
        most = 1.0 + _REPULSION / depth**2
        if eta(_FAR_Q) > eta(1.0):
            q = _root(lambda q: most - eta(q), _SMALLEST_Q, 1.0)
        else:
            q = _root(lambda q: eta(q) - most, 1.0, _LARGEST_Q)
    else:
        q = _root(lambda q: eta(q) - _LEAST_ETA, _SMALLEST_Q, 1.0)
    found = curve.moments(q, center)
    bias = _bias_variance(found, q)
    if bias < -_TOLERANCE:
        return LayerGains(hidden=curve.moments(1.0).square ** -0.5)
    if bias < _TOLERANCE:
        bias = 0.0
    return LayerGains(
        first=sqrt(q - bias),
        hidden=found.slope**-0.5,
        output=min(1.0, found.square**-0.5),
        bias=sqrt(bias),
        center=center,
    )
