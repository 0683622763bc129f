"""Every hidden activation as scalar functions, to be compiled into loops.

z is a pre-activation, a = f(z), p the activation's own number (a slope, alpha or beta; rows without
one ignore it). `value(z, p)` is f; `slope(z, a, p)` is df/dz; `gradient(z, a, p)` is df/dp where p
can be learned. Comparisons are written so that NaN comes out as NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from search.activations import ActivationName as Name
from search.engines.compiled.elementary import (
    exp,
    like,
    log1p_unit,
    normal_cdf,
    normal_density,
    sigmoid,
    tanh,
)
from search.engines.compiled.jit import inlined

Value: TypeAlias = Callable[[float, float], float]
Slope: TypeAlias = Callable[[float, float, float], float]

#: Klambauer et al. 2017, equation 14.
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717
#: exp(2 * 20) is still finite in float32, and tanh(softplus(20)) is 1 to float64 rounding.
_MISH_CEILING = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalars:
    """One activation; see the module's docstring for the signatures."""

    value: Value
    slope: Slope
    gradient: Slope | None = None


@inlined
def _identity(z: float, p: float) -> float:
    return z


@inlined
def _identity_slope(z: float, a: float, p: float) -> float:
    return like(z, 1.0)


@inlined
def _relu(z: float, p: float) -> float:
    return like(z, 0.0) if z <= like(z, 0.0) else z


@inlined
def _relu_slope(z: float, a: float, p: float) -> float:
    return like(a, 0.0) if a <= like(a, 0.0) else like(a, 1.0)


@inlined
def _leaky(z: float, p: float) -> float:
    return z if z > like(z, 0.0) else z * p


@inlined
def _leaky_slope(z: float, a: float, p: float) -> float:
    return like(z, 1.0) if z > like(z, 0.0) else p


@inlined
def _leaky_gradient(z: float, a: float, p: float) -> float:
    return like(z, 0.0) if z > like(z, 0.0) else z


@inlined
def _elu(z: float, p: float) -> float:
    return z if z > like(z, 0.0) else p * (exp(z) - like(z, 1.0))


@inlined
def _elu_slope(z: float, a: float, p: float) -> float:
    return like(a, 1.0) if a > like(a, 0.0) else a + p


@inlined
def _celu(z: float, p: float) -> float:
    return z if z > like(z, 0.0) else p * (exp(z / p) - like(z, 1.0))


@inlined
def _celu_slope(z: float, a: float, p: float) -> float:
    return like(a, 1.0) if a > like(a, 0.0) else like(a, 1.0) + a / p


@inlined
def _selu(z: float, p: float) -> float:
    negative = like(z, _SELU_SCALE * _SELU_ALPHA) * (exp(z) - like(z, 1.0))
    return like(z, _SELU_SCALE) * z if z > like(z, 0.0) else negative


@inlined
def _selu_slope(z: float, a: float, p: float) -> float:
    return like(a, _SELU_SCALE) if a > like(a, 0.0) else a + like(a, _SELU_SCALE * _SELU_ALPHA)


@inlined
def _gelu(z: float, p: float) -> float:
    return z * normal_cdf(z)


@inlined
def _gelu_slope(z: float, a: float, p: float) -> float:
    return normal_cdf(z) + z * normal_density(z)


@inlined
def _silu(z: float, p: float) -> float:
    return z * sigmoid(z * p)


@inlined
def _silu_slope(z: float, a: float, p: float) -> float:
    s = sigmoid(z * p)
    return s + p * (a - a * s)


@inlined
def _silu_gradient(z: float, a: float, p: float) -> float:
    return z * (a - a * sigmoid(z * p))


@inlined
def _mish(z: float, p: float) -> float:
    # tanh(log(1 + e)) = h / (h + 1) with h = e + e**2 / 2: one exponential
    e = exp(like(z, _MISH_CEILING) if z > like(z, _MISH_CEILING) else z)
    h = e + like(z, 0.5) * e * e
    return z * (h * (like(z, 1.0) / (h + like(z, 1.0))))


@inlined
def _mish_slope(z: float, a: float, p: float) -> float:
    e = exp(like(z, _MISH_CEILING) if z > like(z, _MISH_CEILING) else z)
    h = e + like(z, 0.5) * e * e
    inverse = like(z, 1.0) / (h + like(z, 1.0))
    return (h + z * (e + e * e) * inverse) * inverse


@inlined
def _hardswish(z: float, p: float) -> float:
    gate = z + like(z, 3.0)
    gate = like(z, 0.0) if gate < like(z, 0.0) else gate
    gate = like(z, 6.0) if gate > like(z, 6.0) else gate
    return z * gate / like(z, 6.0)


@inlined
def _hardswish_slope(z: float, a: float, p: float) -> float:
    inner = z / like(z, 3.0) + like(z, 0.5)
    inner = like(z, 0.0) if z <= like(z, -3.0) else inner
    return like(z, 1.0) if z >= like(z, 3.0) else inner


@inlined
def _tanh(z: float, p: float) -> float:
    return tanh(z)


@inlined
def _tanh_slope(z: float, a: float, p: float) -> float:
    return like(a, 1.0) - a * a


@inlined
def _sigmoid(z: float, p: float) -> float:
    return sigmoid(z)


@inlined
def _sigmoid_slope(z: float, a: float, p: float) -> float:
    return a - a * a


@inlined
def _softplus(z: float, p: float) -> float:
    size = z if z > like(z, 0.0) else -z
    return (z if z > like(z, 0.0) else like(z, 0.0)) + log1p_unit(exp(-size))


@inlined
def _softplus_slope(z: float, a: float, p: float) -> float:
    return sigmoid(z)


@inlined
def _softsign(z: float, p: float) -> float:
    return z / (like(z, 1.0) + abs(z))


@inlined
def _softsign_slope(z: float, a: float, p: float) -> float:
    rest = like(a, 1.0) - abs(a)
    return rest * rest


@inlined
def _hardtanh(z: float, p: float) -> float:
    a = like(z, -1.0) if z < like(z, -1.0) else z
    return like(z, 1.0) if a > like(z, 1.0) else a


@inlined
def _hardtanh_slope(z: float, a: float, p: float) -> float:
    return like(a, 0.0) if abs(a) >= like(a, 1.0) else like(a, 1.0)


@inlined
def _relu6(z: float, p: float) -> float:
    a = like(z, 0.0) if z < like(z, 0.0) else z
    return like(z, 6.0) if a > like(z, 6.0) else a


@inlined
def _relu6_slope(z: float, a: float, p: float) -> float:
    upper = like(a, 0.0) if a >= like(a, 6.0) else like(a, 1.0)
    return like(a, 0.0) if a <= like(a, 0.0) else upper


SCALARS: dict[Name, Scalars] = {
    Name.RELU: Scalars(value=_relu, slope=_relu_slope),
    Name.LEAKY_RELU: Scalars(value=_leaky, slope=_leaky_slope),
    Name.PRELU: Scalars(value=_leaky, slope=_leaky_slope, gradient=_leaky_gradient),
    Name.RRELU: Scalars(value=_leaky, slope=_leaky_slope),
    Name.ELU: Scalars(value=_elu, slope=_elu_slope),
    Name.CELU: Scalars(value=_celu, slope=_celu_slope),
    Name.SELU: Scalars(value=_selu, slope=_selu_slope),
    Name.GELU: Scalars(value=_gelu, slope=_gelu_slope),
    Name.SILU: Scalars(value=_silu, slope=_silu_slope, gradient=_silu_gradient),
    Name.MISH: Scalars(value=_mish, slope=_mish_slope),
    Name.HARDSWISH: Scalars(value=_hardswish, slope=_hardswish_slope),
    Name.TANH: Scalars(value=_tanh, slope=_tanh_slope),
    Name.SIGMOID: Scalars(value=_sigmoid, slope=_sigmoid_slope),
    Name.SOFTPLUS: Scalars(value=_softplus, slope=_softplus_slope),
    Name.SOFTSIGN: Scalars(value=_softsign, slope=_softsign_slope),
    Name.HARDTANH: Scalars(value=_hardtanh, slope=_hardtanh_slope),
    Name.RELU6: Scalars(value=_relu6, slope=_relu6_slope),
    Name.IDENTITY: Scalars(value=_identity, slope=_identity_slope),
}
