"""Activating one layer of one lane: value and derivative in a single pass over memory.

Notation: N rows, H units. The derivative is taken on the way forward, where it shares the
exponential with the value; the way back is then the same for all activations. Each activation's
loop is compiled by itself and called by its address: woven into the passes that call them, all
would be optimised again with each of these, which took twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.np.numpy_support import carray, from_dtype
from numpy.typing import DTypeLike

from search.activations import ActivationName
from search.engines.compiled.activation_functions import SCALARS
from search.engines.compiled.elementary import like
from search.engines.compiled.jit import c_entry_point, inlined, llvm_intrinsic, source_stamp


@inlined
def _not_learned(z: float, a: float, p: float) -> float:
    return like(z, 0.0)


@cache
def activation(name: ActivationName, dtype: DTypeLike) -> Any:
    """Return a compiled loop, for `activate` to call at its `address`."""
    scalars, stamp = SCALARS[name], source_stamp()
    value, slope, gradient = scalars.value, scalars.slope, scalars.gradient or _not_learned
    pointer: Any = types.CPointer
    numbers = pointer(from_dtype(np.dtype(dtype)))
    signature = types.void(*[types.intp] * 4, *[numbers] * 5)

    @c_entry_point(signature)
    def loop(
        rows: int,
        units: int,
        by_row: int,
        learns: int,
        pre_at: Any,
        offset_at: Any,
        number_at: Any,
        active_at: Any,
        tangent_at: Any,
    ) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        pre, active = carray(pre_at, (rows, units)), carray(active_at, (rows, units))
        offset, number = carray(offset_at, units), carray(number_at, (rows, units))
        if learns:
            tangent = carray(tangent_at, (rows, units))
            for row in range(rows):
                own = number[row if by_row else 0]
                for unit in range(units):
                    z, p = pre[row, unit] + offset[unit], own[unit]
                    tangent[row, unit] = gradient(z, value(z, p), p)
        for row in range(rows):
            own = number[row if by_row else 0]
            for unit in range(units):
                # Read once, for value and slope to share what they compute: a second look at memory
                # might find what was written in between.
                z, p = pre[row, unit] + offset[unit], own[unit]
                a = value(z, p)
                active[row, unit] = a
                pre[row, unit] = slope(z, a, p)

    return loop


@llvm_intrinsic
def activate(
    typing: Any,
    address: Any,
    pre: Any,
    offset: Any,
    number: Any,
    by_row: Any,
    active: Any,
    tangent: Any,
    learns: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Call the activation at `address`.

    With z = pre + offset, f(z) goes into `active`, f'(z) into `pre`, and where it `learns` the
    derivative by the learned number into `tangent`, all (N, H). `number` holds the activation's
    own, (H,) or `by_row` (N * H,).
    """
    arrays = (pre, offset, number, active, tangent)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, *values, by_row, learns = (arguments[i] for i in (0, 1, 2, 3, 5, 6, 4, 7))
        views = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(arrays, values, strict=True)
        ]
        rows, units = (builder.extract_value(views[0].shape, axis) for axis in (0, 1))
        values = [rows, units, by_row, learns, *(view.data for view in views)]
        function = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(address, function.as_pointer()), values)
        return context.get_dummy_value()

    count = types.intp
    return types.void(count, pre, offset, number, count, active, tangent, count), generate
