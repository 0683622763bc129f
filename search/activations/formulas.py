"""The activations written out in NumPy, as their papers print them.

`z` is an array of pre-activations of any shape, the result has the same shape; parameters are the
short names of the activation's own ("slope", "alpha", ...). These forms are for gains, plots and as
oracle of the torch kernels: they favour being obviously right over being fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

Array: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Mapping[str, float]
Formula: TypeAlias = Callable[[Array, Numbers], Array]

#: Fixed point of mean 0 and variance 1 under standard normal inputs (Klambauer et al. 2017).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def identity(z: Array, p: Numbers) -> Array:
    """Return z itself: the network stays linear."""
    return z.astype(np.float64)


def relu(z: Array, p: Numbers) -> Array:
    """max(0, z)."""
    return np.maximum(z, 0.0)


def leaky_relu(z: Array, p: Numbers) -> Array:
    """Return z where positive, slope * z elsewhere."""
    return np.where(z > 0.0, z, p["slope"] * z)


def rrelu(z: Array, p: Numbers) -> Array:
    """Leaky ReLU by the mean slope: the evaluation form; training draws from U(lower, upper)."""
    return leaky_relu(z, {"slope": (p["lower"] + p["upper"]) / 2.0})


def elu(z: Array, p: Numbers) -> Array:
    """Return z where positive, alpha * (exp(z) - 1) elsewhere."""
    return np.where(z > 0.0, z, p["alpha"] * np.expm1(np.minimum(z, 0.0)))


def celu(z: Array, p: Numbers) -> Array:
    """Return z where positive, alpha * (exp(z / alpha) - 1) elsewhere; slope 1 at 0."""
    return np.where(z > 0.0, z, p["alpha"] * np.expm1(np.minimum(z, 0.0) / p["alpha"]))


def selu(z: Array, p: Numbers) -> Array:
    """Scaled ELU with the two constants that keep mean 0 and variance 1."""
    return SELU_SCALE * elu(z, {"alpha": SELU_ALPHA})


def gelu(z: Array, p: Numbers) -> Array:
    """Return z times the standard normal distribution function, without approximation."""
    return np.asarray(z * ndtr(z), dtype=np.float64)


def silu(z: Array, p: Numbers) -> Array:
    """Return z times the logistic function of beta * z."""
    return np.asarray(z * expit(p["beta"] * z), dtype=np.float64)


def mish(z: Array, p: Numbers) -> Array:
    """Return z times tanh of softplus(z)."""
    return np.asarray(z * np.tanh(softplus(z, p)), dtype=np.float64)


def hardswish(z: Array, p: Numbers) -> Array:
    """Return z times relu6(z + 3) / 6."""
    return z * np.clip(z + 3.0, 0.0, 6.0) / 6.0


def tanh(z: Array, p: Numbers) -> Array:
    """Hyperbolic tangent."""
    return np.asarray(np.tanh(z), dtype=np.float64)


def sigmoid(z: Array, p: Numbers) -> Array:
    """Logistic function."""
    return np.asarray(expit(z), dtype=np.float64)


def softplus(z: Array, p: Numbers) -> Array:
    """log(1 + exp(z)), without overflow."""
    return np.asarray(np.logaddexp(0.0, z), dtype=np.float64)


def softsign(z: Array, p: Numbers) -> Array:
    """Return z / (1 + |z|)."""
    return z / (1.0 + np.abs(z))


def hardtanh(z: Array, p: Numbers) -> Array:
    """Return z cut at -1 and 1."""
    return np.clip(z, -1.0, 1.0)


def relu6(z: Array, p: Numbers) -> Array:
    """Return z cut at 0 and 6."""
    return np.clip(z, 0.0, 6.0)


def softmax(z: Array, p: Numbers) -> Array:
    """Exponentials over the last dimension, divided by their sum."""
    shifted = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float64)
