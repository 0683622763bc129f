"""Normalization of one lane's layer, forward and backward (see `search.networks.normalization`).

Notation: N rows, H units; z and its gradient (N, H).
"""

from __future__ import annotations

from math import sqrt

from search.engines.compiled.elementary import like
from search.engines.compiled.jit import Array, callable_from_jit
from search.engines.compiled.reductions import column_products, column_sums, product, total
from search.networks.normalization import EPSILON, MOMENTUM


@callable_from_jit
def batch(z: Array, inverse: Array, running: Array, training: bool, scratch: Array) -> None:
    """Standardise each unit over the rows, in place; training moves `running` (2, H)."""
    rows, units = z.shape
    zero, one = like(z[0, 0], 0.0), like(z[0, 0], 1.0)
    count = like(zero, rows)
    mean, variance = scratch[0], scratch[1]
    column_sums(z, mean)
    for unit in range(units):
        mean[unit] /= count
    for row in range(rows):
        for unit in range(units):
            z[row, unit] -= mean[unit]
    column_products(z, z, variance)
    for unit in range(units):
        variance[unit] /= count
        inverse[unit] = one / like(zero, sqrt(variance[unit] + like(zero, EPSILON)))
    _multiply(z, inverse)
    if training:
        unbiased = like(zero, rows / max(rows - 1, 1))
        share = like(zero, MOMENTUM)
        for unit in range(units):
            running[0, unit] += share * (mean[unit] - running[0, unit])
            running[1, unit] += share * (variance[unit] * unbiased - running[1, unit])


@callable_from_jit
def batch_known(z: Array, running: Array, scratch: Array) -> None:
    """Standardise each unit by its running statistics (2, H), in place."""
    rows, units = z.shape
    one, epsilon = like(z[0, 0], 1.0), like(z[0, 0], EPSILON)
    inverse = scratch[0]
    for unit in range(units):
        inverse[unit] = one / like(one, sqrt(running[1, unit] + epsilon))
    for row in range(rows):
        for unit in range(units):
            z[row, unit] -= running[0, unit]
    _multiply(z, inverse)


@callable_from_jit
def layer(z: Array, inverse: Array) -> None:
    """Standardise each row over its units, in place."""
    rows, units = z.shape
    count, epsilon = like(z[0, 0], units), like(z[0, 0], EPSILON)
    for row in range(rows):
        own = z[row]
        mean = total(own) / count
        for unit in range(units):
            own[unit] -= mean
        factor = like(mean, 1.0) / like(mean, sqrt(product(own, own) / count + epsilon))
        for unit in range(units):
            own[unit] *= factor
        inverse[row] = factor


@callable_from_jit
def batch_backward(grad: Array, normal: Array, inverse: Array, scratch: Array) -> None:
    """Turn dL/d(normal) in `grad` into dL/dz in place."""
    rows, units = grad.shape
    count = like(grad[0, 0], rows)
    mean, projection = scratch[0], scratch[1]
    column_sums(grad, mean)
    column_products(grad, normal, projection)
    for unit in range(units):
        mean[unit] /= count
        projection[unit] /= count
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] -= mean[unit] + normal[row, unit] * projection[unit]
    _multiply(grad, inverse)


@callable_from_jit
def layer_backward(grad: Array, normal: Array, inverse: Array) -> None:
    """Turn dL/d(normal) in `grad` into dL/dz in place."""
    rows, units = grad.shape
    count = like(grad[0, 0], units)
    for row in range(rows):
        own, standard = grad[row], normal[row]
        mean = total(own) / count
        projection = product(own, standard) / count
        factor = inverse[row]
        for unit in range(units):
            own[unit] = (own[unit] - mean - standard[unit] * projection) * factor


@callable_from_jit
def _multiply(table: Array, factors: Array) -> None:
    rows, units = table.shape
    for row in range(rows):
        for unit in range(units):
            table[row, unit] *= factors[unit]
