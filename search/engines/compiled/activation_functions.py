"""Activations as scalar functions written by hand, to be compiled into loops.

They are quicker than what follows from the formula of the row (`formula_code`), or came before it.

`function(z, p)` returns (f, df/dz), or (f, df/dz, df/dp) where training changes the activation's
number p. z is a pre-activation; p is a slope, alpha or beta, and ignored by activations without
one. The function computes in the precision of its arguments: constants go through `like`.
Comparisons are written so that NaN comes out as NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from search.activations import ActivationName
from search.activations.formulas import SELU_ALPHA, SELU_SCALE
from search.engines.compiled.elementary import (
    exp,
    expm1,
    like,
    log1p_unit,
    normal_cdf,
    normal_density,
    sigmoid,
    tanh,
)
from search.engines.compiled.jit import inlined

Derivatives: TypeAlias = tuple[float, float] | tuple[float, float, float]
ScalarFunction: TypeAlias = Callable[[float, float], Derivatives]

#: exp(2 * 20) is still finite in float32, and tanh(softplus(20)) is 1 to float64 rounding.
_MISH_CEILING = 20.0

FUNCTIONS: dict[ActivationName, ScalarFunction] = {}


def activation(*names: str) -> Callable[[ScalarFunction], ScalarFunction]:
    """Enter a function into FUNCTIONS as that of the activations `names`.

    Raises ValueError for a name that the catalog lacks, or that has a function already.
    """

    def enter(function: ScalarFunction) -> ScalarFunction:
        compilable = inlined(function)
        for name in map(ActivationName, names):
            if name in FUNCTIONS:
                raise ValueError(f"{name.value!r} has a compiled function already")
            FUNCTIONS[name] = compilable
        return compilable

    return enter


@activation("identity")
def _identity(z: float, p: float) -> Derivatives:
    return z, like(z, 1.0)


@activation("relu")
def _relu(z: float, p: float) -> Derivatives:
    a = like(z, 0.0) if z <= like(z, 0.0) else z
    return a, like(a, 0.0) if a <= like(a, 0.0) else like(a, 1.0)


@activation("squared_relu")
def _squared_relu(z: float, p: float) -> Derivatives:
    positive = like(z, 0.0) if z <= like(z, 0.0) else z
    return positive * positive, positive + positive


@activation("leaky_relu", "rrelu")
def _leaky_relu(z: float, p: float) -> Derivatives:
    a = z if z > like(z, 0.0) else z * p
    return a, like(z, 1.0) if z > like(z, 0.0) else p


@activation("prelu")
def _prelu(z: float, p: float) -> Derivatives:
    positive = z > like(z, 0.0)
    a = z if positive else z * p
    return a, like(z, 1.0) if positive else p, like(z, 0.0) if positive else z


@activation("elu")
def _elu(z: float, p: float) -> Derivatives:
    a = z if z > like(z, 0.0) else p * expm1(z)
    return a, like(a, 1.0) if a > like(a, 0.0) else a + p


@activation("celu")
def _celu(z: float, p: float) -> Derivatives:
    a = z if z > like(z, 0.0) else p * expm1(z / p)
    return a, like(a, 1.0) if a > like(a, 0.0) else like(a, 1.0) + a / p


@activation("selu")
def _selu(z: float, p: float) -> Derivatives:
    negative = like(z, SELU_SCALE * SELU_ALPHA) * expm1(z)
    a = like(z, SELU_SCALE) * z if z > like(z, 0.0) else negative
    slope = like(a, SELU_SCALE) if a > like(a, 0.0) else a + like(a, SELU_SCALE * SELU_ALPHA)
    return a, slope


@activation("gelu")
def _gelu(z: float, p: float) -> Derivatives:
    return z * normal_cdf(z), normal_cdf(z) + z * normal_density(z)


@activation("silu")
def _silu(z: float, p: float) -> Derivatives:
    s = sigmoid(z * p)
    a = z * s
    return a, s + p * (a - a * s), z * (a - a * s)


@activation("mish")
def _mish(z: float, p: float) -> Derivatives:
    # tanh(log(1 + e)) = h / (h + 1) with h = e + e**2 / 2: one exponential
    low = like(z, _MISH_CEILING) if z > like(z, _MISH_CEILING) else z
    e = exp(low)
    h = e + like(z, 0.5) * e * e
    inverse = like(z, 1.0) / (h + like(z, 1.0))
    # What z adds to the slope is below rounding above the ceiling, where e stays and z grows.
    return z * (h * inverse), (h + low * (e + e * e) * inverse) * inverse


@activation("hardswish")
def _hardswish(z: float, p: float) -> Derivatives:
    gate = z + like(z, 3.0)
    gate = like(z, 0.0) if gate < like(z, 0.0) else gate
    gate = like(z, 6.0) if gate > like(z, 6.0) else gate
    slope = z / like(z, 3.0) + like(z, 0.5)
    slope = like(z, 0.0) if z <= like(z, -3.0) else slope
    slope = like(z, 1.0) if z >= like(z, 3.0) else slope
    return z * gate / like(z, 6.0), slope


@activation("tanh")
def _tanh(z: float, p: float) -> Derivatives:
    a = tanh(z)
    return a, like(a, 1.0) - a * a


@activation("sigmoid")
def _sigmoid(z: float, p: float) -> Derivatives:
    a = sigmoid(z)
    return a, a - a * a


@activation("softplus")
def _softplus(z: float, p: float) -> Derivatives:
    size = z if z > like(z, 0.0) else -z
    a = (z if z > like(z, 0.0) else like(z, 0.0)) + log1p_unit(exp(-size))
    return a, sigmoid(z)


@activation("softsign")
def _softsign(z: float, p: float) -> Derivatives:
    a = z / (like(z, 1.0) + abs(z))
    rest = like(a, 1.0) - abs(a)
    return a, rest * rest


@activation("hardtanh")
def _hardtanh(z: float, p: float) -> Derivatives:
    a = like(z, -1.0) if z < like(z, -1.0) else z
    a = like(z, 1.0) if a > like(z, 1.0) else a
    return a, like(a, 0.0) if abs(a) >= like(a, 1.0) else like(a, 1.0)


@activation("relu6")
def _relu6(z: float, p: float) -> Derivatives:
    a = like(z, 0.0) if z < like(z, 0.0) else z
    a = like(z, 6.0) if a > like(z, 6.0) else a
    slope = like(a, 0.0) if a >= like(a, 6.0) else like(a, 1.0)
    return a, like(a, 0.0) if a <= like(a, 0.0) else slope
