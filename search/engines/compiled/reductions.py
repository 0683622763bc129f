"""Sums over a lane's buffers.

Sums along a row are taken in the order that fills vector registers. The compiler decides it once,
so that the other lanes of a segment cannot change a lane's result.
"""

from __future__ import annotations

from search.engines.compiled.elementary import like
from search.engines.compiled.jit import Array, inlined, reassociated


@reassociated
def total(vector: Array) -> float:
    """Return the sum of the elements of `vector` (n,)."""
    result = like(vector[0], 0.0)
    for i in range(vector.size):
        result += vector[i]
    return result


@reassociated
def product(left: Array, right: Array) -> float:
    """Return the inner product of two vectors (n,)."""
    result = like(left[0], 0.0)
    for i in range(left.size):
        result += left[i] * right[i]
    return result


@inlined
def column_sums(table: Array, sums: Array) -> None:
    """Write the sums over rows, (N, H) -> (H,)."""
    rows, units = table.shape
    for unit in range(units):
        sums[unit] = table[0, unit]
    for row in range(1, rows):
        for unit in range(units):
            sums[unit] += table[row, unit]


@inlined
def column_products(left: Array, right: Array, sums: Array) -> None:
    """Write the sums over rows of products, (N, H) twice -> (H,)."""
    rows, units = left.shape
    for unit in range(units):
        sums[unit] = left[0, unit] * right[0, unit]
    for row in range(1, rows):
        for unit in range(units):
            sums[unit] += left[row, unit] * right[row, unit]
