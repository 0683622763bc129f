"""Activating one layer of one lane: value and derivative in a single pass over memory.

Notation: N rows, H units. The derivative is taken on the way forward, where it shares the
exponential with the value; the way back is then the same for all activations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from search.activation import ActivationName
from search.compiled.functions import SCALARS, Scalars, Slope
from search.compiled.jit import Array, routine

#: `activate(place, pre, offset, number, active, tangent)`: the activation at `place` in `SCALARS`.
#: With z = pre + offset, f(z) goes into `active`, f'(z) into `pre`, and the derivative by a
#: learned number into `tangent` unless that is empty, all (N, H). `number` (1, H) or (N, H) holds
#: the activation's own.
Activate: TypeAlias = Callable[[int, Array, Array, Array, Array, Array], None]

PLACES: dict[ActivationName, int] = {name: place for place, name in enumerate(SCALARS)}


def _loop_of(scalars: Scalars) -> Callable[..., None]:
    value, slope = scalars.value, scalars.slope

    @routine
    def loop(pre: Array, offset: Array, number: Array, active: Array) -> None:
        rows, units = pre.shape
        for row in range(rows):
            own = number[row if number.shape[0] > 1 else 0]
            for unit in range(units):
                z = pre[row, unit] + offset[unit]
                a = value(z, own[unit])
                active[row, unit] = a
                pre[row, unit] = slope(z, a, own[unit])

    return loop


def _learning_loop_of(scalars: Scalars, gradient: Slope) -> Callable[..., None]:
    value = scalars.value

    @routine
    def loop(pre: Array, offset: Array, number: Array, tangent: Array) -> None:
        rows, units = pre.shape
        for row in range(rows):
            own = number[row if number.shape[0] > 1 else 0]
            for unit in range(units):
                z = pre[row, unit] + offset[unit]
                tangent[row, unit] = gradient(z, value(z, own[unit]), own[unit])

    return loop


def _chain(rows: Sequence[Scalars]) -> Any:
    """Compiled code cannot call what stands in a table: each row knows itself and the rest."""
    if not rows:
        return _no_such_activation
    loop, rest = _loop_of(rows[0]), _chain(rows[1:])
    gradient = rows[0].gradient
    if gradient is None:

        @routine
        def activate(
            place: int, pre: Array, offset: Array, number: Array, active: Array, tangent: Array
        ) -> None:
            if place == 0:
                loop(pre, offset, number, active)
            else:
                rest(place - 1, pre, offset, number, active, tangent)

        return activate
    learn = _learning_loop_of(rows[0], gradient)

    @routine
    def activate_and_learn(
        place: int, pre: Array, offset: Array, number: Array, active: Array, tangent: Array
    ) -> None:
        if place == 0:
            if tangent.size > 0:
                learn(pre, offset, number, tangent)
            loop(pre, offset, number, active)
        else:
            rest(place - 1, pre, offset, number, active, tangent)

    return activate_and_learn


@routine
def _no_such_activation(
    place: int, pre: Array, offset: Array, number: Array, active: Array, tangent: Array
) -> None:
    raise ValueError("no such activation")


activate: Activate = _chain(list(SCALARS.values()))
