"""The loops over a run of lanes that activate, differentiate and update, compiled on demand.

Notation: n lanes, N rows, H units; z is a linear output without its offset (n, N, H), the offset
being the bias or the shift of a normalization. Vectors of all lanes stand in rows (n, S): a layer's
offset at [offset_at, offset_at + H), a learned number of an activation at [learned_at,
learned_at + units), units being 1 for a layer's and H for each channel's own. `own` (n, M, H) holds
the activation's number for each lane and unit, M is 1 or, where it is drawn by row, N. All arrays
are C-contiguous and of one precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from search.activation import ActivationName
from search.compiled.functions import SCALARS, Scalars, Slope, Value
from search.compiled.jit import Array, compiled, inlined, source_stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Loops:
    """The compiled passes of one activation.

    `forward(z, vectors, offset_at, own, active)` writes f(z + offset) into `active`.
    `backward(grad, z, vectors, offset_at, own, active, grads)` turns dL/d(active) in `grad` into
    dL/dz in place, and writes the offset's gradient into `grads` (n, S).
    `learn(grad, z, vectors, offset_at, own, active, grads, learned_at, units, sums)` writes the
    gradient of a learned number, before `backward` is called; `sums` (H,) is overwritten.
    `load(vectors, learned_at, units, own)` copies a learned number to where it is read.
    """

    forward: Callable[[Array, Array, int, Array, Array], None]
    backward: Callable[[Array, Array, Array, int, Array, Array, Array], None]
    learn: Callable[..., None] | None


@cache
def loops(name: ActivationName) -> Loops:
    """Return the loops of an activation; what is not called is not compiled."""
    scalars = SCALARS[name]
    return Loops(
        forward=_forward_of(scalars.value, source_stamp()),
        backward=_backward_of(scalars.slope, source_stamp()),
        learn=_learn_of(scalars, source_stamp()),
    )


@inlined
def _activate(
    value: Value, z: Array, vectors: Array, offset_at: int, own: Array, active: Array
) -> None:
    lanes, rows, units = z.shape
    for lane in range(lanes):
        offset = vectors[lane, offset_at : offset_at + units]
        for row in range(rows):
            number = own[lane, row if own.shape[1] > 1 else 0]
            for unit in range(units):
                pre = z[lane, row, unit] + offset[unit]
                active[lane, row, unit] = value(pre, number[unit])


@inlined
def _differentiate(
    slope: Slope,
    grad: Array,
    z: Array,
    vectors: Array,
    offset_at: int,
    own: Array,
    active: Array,
    grads: Array,
) -> None:
    lanes, rows, units = z.shape
    for lane in range(lanes):
        offset = vectors[lane, offset_at : offset_at + units]
        sums = grads[lane, offset_at : offset_at + units]
        sums[:] = 0
        for row in range(rows):
            number = own[lane, row if own.shape[1] > 1 else 0]
            for unit in range(units):
                pre = z[lane, row, unit] + offset[unit]
                grad[lane, row, unit] *= slope(pre, active[lane, row, unit], number[unit])
            # A loop of its own, or there are too many arrays to vectorise either.
            for unit in range(units):
                sums[unit] += grad[lane, row, unit]


@inlined
def _learn(
    gradient: Slope,
    grad: Array,
    z: Array,
    vectors: Array,
    offset_at: int,
    own: Array,
    active: Array,
    grads: Array,
    learned_at: int,
    learned_units: int,
    sums: Array,
) -> None:
    lanes, rows, units = z.shape
    for lane in range(lanes):
        offset = vectors[lane, offset_at : offset_at + units]
        sums[:] = 0
        for row in range(rows):
            for unit in range(units):
                pre = z[lane, row, unit] + offset[unit]
                part = gradient(pre, active[lane, row, unit], own[lane, 0, unit])
                sums[unit] += grad[lane, row, unit] * part
        if learned_units > 1:
            grads[lane, learned_at : learned_at + units] = sums
        else:
            grads[lane, learned_at] = sums.sum()


def _forward_of(value: Value, stamp: str) -> Callable[..., None]:
    @compiled
    def forward(z: Array, vectors: Array, offset_at: int, own: Array, active: Array) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        _activate(value, z, vectors, offset_at, own, active)

    return forward


def _backward_of(slope: Slope, stamp: str) -> Callable[..., None]:
    @compiled
    def backward(
        grad: Array,
        z: Array,
        vectors: Array,
        offset_at: int,
        own: Array,
        active: Array,
        grads: Array,
    ) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        _differentiate(slope, grad, z, vectors, offset_at, own, active, grads)

    return backward


def _learn_of(scalars: Scalars, stamp: str) -> Callable[..., None] | None:
    gradient = scalars.gradient
    if gradient is None:
        return None

    @compiled
    def learn(
        grad: Array,
        z: Array,
        vectors: Array,
        offset_at: int,
        own: Array,
        active: Array,
        grads: Array,
        learned_at: int,
        units: int,
        sums: Array,
    ) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        _learn(gradient, grad, z, vectors, offset_at, own, active, grads, learned_at, units, sums)

    return learn


@compiled
def load(vectors: Array, learned_at: int, learned_units: int, own: Array) -> None:
    """Copy a learned number from the lanes' rows to `own` (n, 1, H)."""
    lanes, _, units = own.shape
    for lane in range(lanes):
        if learned_units > 1:
            own[lane, 0] = vectors[lane, learned_at : learned_at + units]
        else:
            own[lane, 0] = vectors[lane, learned_at]
