"""Elementary functions that the compiler can turn into vector instructions, in both precisions.

The C library's functions take one number at a time and stop a loop from being vectorised: a sigmoid
takes ten times as long with them. Called from Python, these are ordinary functions; in compiled
code, the version for the type of the argument.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from search.engines.compiled.jit import inlined

#: Added to a float, it rounds the float to a whole number, held in the lowest bits of the sum.
_ROUND32, _ROUND64 = np.float32(1.5 * 2**23), 1.5 * 2**52
_LOG2E = 1.4426950408889634
#: ln 2 in two parts; the first has few enough bits for its multiples to be exact.
_LN2_HIGH32, _LN2_LOW32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LN2_HIGH64, _LN2_LOW64 = 0.693147180369123816490, 1.90821492927058770002e-10
_ONE32, _ONE64 = np.int32(127 << 23), np.int64(1023 << 52)
#: Minimax coefficients of exp on [-ln2/2, ln2/2], highest power first (Moshier's Cephes, expf).
_E6, _E5, _E4, _E3, _E2, _E1 = (
    np.float32(c)
    for c in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)


def like(z: float, constant: float) -> float:
    """Return `constant` in the precision of `z`: a Python float would turn all into double."""
    return constant


@overload(like, inline="always")
def _like(z: Any, constant: Any) -> Any:
    return _like32 if z == types.float32 else _like64


# Numba wants the annotations of an overload and of what it returns to be the same.
def _like32(z: Any, constant: Any) -> Any:
    return np.float32(constant)


def _like64(z: Any, constant: Any) -> Any:
    return np.float64(constant)


def exp(x: float) -> float:
    """Return e**x to 2 units in the last place; x is cut at the ends of the finite range."""
    return math.exp(min(max(x, -708.0), 709.0))


@overload(exp)
def _exp(x: Any) -> Any:
    return _exp32 if x == types.float32 else _exp64


def _exp32(x: Any) -> Any:
    rest, power = _reduced32(x)
    return (rest + np.float32(1.0)) * power


def _exp64(x: Any) -> Any:
    rest, power = _reduced64(x)
    return (rest + 1.0) * power


def expm1(x: float) -> float:
    """Return e**x - 1 to a few units in the last place of itself, near 0 too; cut off as `exp`."""
    return math.expm1(min(max(x, -708.0), 709.0))


@overload(expm1)
def _expm1(x: Any) -> Any:
    return _expm132 if x == types.float32 else _expm164


def _expm132(x: Any) -> Any:
    rest, power = _reduced32(x)
    return rest * power + (power - np.float32(1.0))


def _expm164(x: Any) -> Any:
    rest, power = _reduced64(x)
    return rest * power + (power - 1.0)


@inlined
def _reduced32(x: Any) -> Any:
    """Return (e**r - 1, 2**n) with x = r + n ln 2 and |r| at most ln 2 / 2."""
    # Comparisons in this order let NaN through.
    x = np.float32(-87.0) if x < np.float32(-87.0) else x
    x = np.float32(88.0) if x > np.float32(88.0) else x
    shifted = np.float32(x * np.float32(_LOG2E) + _ROUND32)
    n = shifted - _ROUND32
    r = x - n * _LN2_HIGH32 - n * _LN2_LOW32
    p = ((((_E6 * r + _E5) * r + _E4) * r + _E3) * r + _E2) * r + _E1
    power = np.int32((shifted.view(np.int32) << np.int32(23)) + _ONE32)
    return p * r * r + r, power.view(np.float32)


@inlined
def _reduced64(x: Any) -> Any:
    """Return (e**r - 1, 2**n) as `_reduced32` does."""
    x = -708.0 if x < -708.0 else x
    x = 709.0 if x > 709.0 else x
    shifted = np.float64(x * _LOG2E + _ROUND64)
    n = shifted - _ROUND64
    r = x - n * _LN2_HIGH64 - n * _LN2_LOW64
    # Taylor's series up to r**13 / 13!, below 1e-17 for |r| < 0.35.
    p = ((1.0 / 6227020800 * r + 1.0 / 479001600) * r + 1.0 / 39916800) * r + 1.0 / 3628800
    p = ((p * r + 1.0 / 362880) * r + 1.0 / 40320) * r + 1.0 / 5040
    p = ((p * r + 1.0 / 720) * r + 1.0 / 120) * r + 1.0 / 24
    p = (p * r + 1.0 / 6) * r + 0.5
    power = np.int64((shifted.view(np.int64) << np.int64(52)) + _ONE64)
    return p * r * r + r, power.view(np.float64)


@inlined
def _next(total: float, square: float, odd: float) -> float:
    """One step of Horner's scheme for the series of artanh, whose coefficients are 1 / odd."""
    return total * square + like(total, 1.0) / like(total, odd)


@inlined
def log1p_unit(x: float) -> float:
    """Return log(1 + x) for x in [0, 1], by the series of 2 artanh(x / (2 + x))."""
    s = x / (like(x, 2.0) + x)
    q = s * s  # at most 1/9: what is left out is below 1e-17
    # Written out, because a loop here would keep the loop around it from being vectorised.
    t = _next(_next(_next(like(x, 1.0 / 35.0), q, 33.0), q, 31.0), q, 29.0)
    t = _next(_next(_next(_next(t, q, 27.0), q, 25.0), q, 23.0), q, 21.0)
    t = _next(_next(_next(_next(t, q, 19.0), q, 17.0), q, 15.0), q, 13.0)
    t = _next(_next(_next(_next(t, q, 11.0), q, 9.0), q, 7.0), q, 5.0)
    return like(x, 2.0) * s * _next(_next(t, q, 3.0), q, 1.0)


@inlined
def sigmoid(z: float) -> float:
    """Return 1 / (1 + exp(-z))."""
    return like(z, 1.0) / (like(z, 1.0) + exp(-z))


@inlined
def tanh(z: float) -> float:
    """Return e / (e + 2) with e = exp(2 z) - 1, to a few units in the last place."""
    e = expm1(z + z)
    return e / (e + like(z, 2.0))


def normal_cdf(z: float) -> float:
    """Return the standard normal distribution function at z."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@overload(normal_cdf)
def _normal_cdf(z: Any) -> Any:
    return _normal_cdf32 if z == types.float32 else _normal_cdf64


_SQRT_HALF = math.sqrt(0.5)
_NORMAL_PEAK = 0.3989422804014327  # 1 / sqrt(2 pi)


def _normal_cdf64(z: Any) -> Any:
    return 0.5 * math.erfc(-z * _SQRT_HALF)


def _normal_cdf32(z: Any) -> Any:
    # Abramowitz & Stegun (1964), 7.1.26: 1.5e-7, which is float32's rounding of 1.
    x = abs(z) * like(z, _SQRT_HALF)
    t = like(z, 1.0) / (like(z, 1.0) + like(z, 0.3275911) * x)
    p = like(z, 1.061405429) * t - like(z, 1.453152027)
    p = (p * t + like(z, 1.421413741)) * t - like(z, 0.284496736)
    tail = like(z, 0.5) * (p * t + like(z, 0.254829592)) * t * exp(-x * x)
    return tail if z < like(z, 0.0) else like(z, 1.0) - tail


@inlined
def normal_density(z: float) -> float:
    """Return the standard normal density at z; it shares its exponential with `normal_cdf`."""
    x = abs(z) * like(z, _SQRT_HALF)
    return like(z, _NORMAL_PEAK) * exp(-x * x)


@inlined
def softplus(z: float) -> float:
    """Return log(1 + exp(z))."""
    size = z if z > like(z, 0.0) else -z
    return (z if z > like(z, 0.0) else like(z, 0.0)) + log1p_unit(exp(-size))


@inlined
def erf(x: float) -> float:
    """Return the error function at x, to the rounding of 1."""
    return normal_cdf(x * like(x, math.sqrt(2.0))) * like(x, 2.0) - like(x, 1.0)


def log(x: float) -> float:
    """Return the natural logarithm; -infinity at 0, NaN below."""
    if x > 0.0:
        return math.log(x)
    return -math.inf if x == 0.0 else math.nan


@overload(log)
def _log(x: Any) -> Any:
    return _log32 if x == types.float32 else _log64


#: Bits of the fraction, and of sqrt(1/2): the fraction is taken between it and sqrt(2).
_FRACTION32, _ROOT_HALF32 = np.int32(0x7FFFFF), np.int32(0x3F3504F3)
_FRACTION64, _ROOT_HALF64 = np.int64(0xFFFFFFFFFFFFF), np.int64(0x3FE6A09E667F3BCD)


def _log32(x: Any) -> Any:
    bits: Any = np.int32(np.float32(x).view(np.int32) - _ROOT_HALF32)
    n = np.float32(bits >> np.int32(23))
    m = np.int32((bits & _FRACTION32) + _ROOT_HALF32).view(np.float32)
    s: Any = (m - np.float32(1.0)) / (m + np.float32(1.0))
    q: Any = s * s  # at most 0.0295
    t = _next(_next(_next(like(x, 1.0 / 9.0), q, 7.0), q, 5.0), q, 3.0)
    # Added from the smallest term to the largest.
    result: Any = (
        n * _LN2_LOW32 + np.float32(2.0) * s * q * t + np.float32(2.0) * s + n * _LN2_HIGH32
    )
    return _log_ends(x, result)


def _log64(x: Any) -> Any:
    bits = np.int64(np.float64(x).view(np.int64) - _ROOT_HALF64)
    n = np.float64(bits >> np.int64(52))
    m = np.int64((bits & _FRACTION64) + _ROOT_HALF64).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    t = _next(_next(_next(_next(like(x, 1.0 / 21.0), q, 19.0), q, 17.0), q, 15.0), q, 13.0)
    t = _next(_next(_next(_next(_next(t, q, 11.0), q, 9.0), q, 7.0), q, 5.0), q, 3.0)
    return _log_ends(x, n * _LN2_LOW64 + 2.0 * s * q * t + 2.0 * s + n * _LN2_HIGH64)


@inlined
def _log_ends(x: float, result: float) -> float:
    """Return the logarithm of 0, of what is negative, infinite or NaN, else `result`."""
    result = x if x > like(x, _GREATEST) or x != x else result  # noqa: PLR0124 - NaN
    # Denormal numbers count as 0, as everywhere in training.
    result = like(x, -math.inf) if x < like(x, _SMALLEST) else result
    return like(x, math.nan) if x < like(x, 0.0) else result


#: Ends of the normal numbers of float32; float64 has no need of more.
_GREATEST, _SMALLEST = 3.4028234e38, 1.1754944e-38


@inlined
def log1p(x: float) -> float:
    """Return log(1 + x), to a few units in the last place of itself, near 0 too."""
    u = like(x, 1.0) + x
    # What rounding took from u is put back (Kahan); nothing is lost where u is 1.
    rest = u - like(x, 1.0)
    corrected = log(u) * (x / (like(x, 1.0) if rest == like(x, 0.0) else rest))
    corrected = x if rest == like(x, 0.0) else corrected
    return log(u) if x > like(x, 1e16) else corrected


_TWO_OVER_PI = 0.6366197723675814
#: pi/2 in three parts; the first two have few enough bits for their multiples to be exact.
_HALF_PI1, _HALF_PI2, _HALF_PI3 = (
    1.57079632673412561417e0,
    6.07710050630396597660e-11,
    2.02226624879595063154e-21,
)
#: Beyond it neighbouring float32 are whole turns apart, and a sine means nothing.
_LARGEST_ANGLE = 1e8


@inlined
def _turned(x: Any) -> Any:
    """Return sine and cosine of x less the nearest multiple of pi/2, and that multiple."""
    # In double precision throughout: reduction is what costs the digits.
    wide = np.float64(x)
    # Zero beyond the largest angle, NaN for infinity and NaN.
    wide = wide if abs(wide) <= _LARGEST_ANGLE else wide - wide
    shifted = np.float64(wide * _TWO_OVER_PI + _ROUND64)
    n = shifted - _ROUND64
    r = ((wide - n * _HALF_PI1) - n * _HALF_PI2) - n * _HALF_PI3
    q = r * r  # at most (pi/4)**2: what is left out is below 1e-17
    s = _series(_series(_series(1.0, q, 16.0 * 17.0), q, 14.0 * 15.0), q, 12.0 * 13.0)
    s = _series(_series(_series(s, q, 10.0 * 11.0), q, 8.0 * 9.0), q, 6.0 * 7.0)
    s = r * _series(_series(s, q, 4.0 * 5.0), q, 2.0 * 3.0)
    c = _series(_series(_series(1.0, q, 15.0 * 16.0), q, 13.0 * 14.0), q, 11.0 * 12.0)
    c = _series(_series(_series(c, q, 9.0 * 10.0), q, 7.0 * 8.0), q, 5.0 * 6.0)
    c = _series(_series(c, q, 3.0 * 4.0), q, 1.0 * 2.0)
    return s, c, np.int64(shifted.view(np.int64))


@inlined
def _series(total: float, square: float, factor: float) -> float:
    """One step of Horner's scheme for the series of sine and cosine."""
    return 1.0 - square * total * (1.0 / factor)


@inlined
def sin(x: float) -> float:
    """Return the sine; of 0 beyond 1e8, NaN for infinity."""
    s, c, turns = _turned(x)
    value = c if turns & 1 else s
    return like(x, -value if turns & 2 else value)


@inlined
def cos(x: float) -> float:
    """Return the cosine; of 0 beyond 1e8, NaN for infinity."""
    s, c, turns = _turned(x)
    value = s if turns & 1 else c
    return like(x, -value if (turns + 1) & 2 else value)


_TAN_3_PI_8 = 2.41421356237309504880


@inlined
def atan(x: float) -> float:
    """Return the arc tangent (Moshier's Cephes, atan)."""
    size = abs(x)
    large, middle = size > like(x, _TAN_3_PI_8), size > like(x, 0.66)
    one = like(x, 1.0)
    r = (size - one) / (size + one) if middle else size
    r = -one / size if large else r
    base = like(x, math.pi / 4.0) if middle else like(x, 0.0)
    base = like(x, math.pi / 2.0) if large else base
    q = r * r
    p = like(x, -8.750608600031904122785e-1) * q + like(x, -1.615753718733365076637e1)
    p = (p * q + like(x, -7.500855792314704667340e1)) * q + like(x, -1.228866684490136173410e2)
    p = p * q + like(x, -6.485021904942025371773e1)
    d = (q + like(x, 2.485846490142306297962e1)) * q + like(x, 1.650270098316988542046e2)
    d = (d * q + like(x, 4.328810604912902668951e2)) * q + like(x, 4.853903996359136964868e2)
    d = d * q + like(x, 1.945506571482613964425e2)
    value = base + (r + r * (q * (p / d)))
    return -value if x < like(x, 0.0) else value
