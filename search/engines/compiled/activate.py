"""Activating one layer of one lane: value and derivative in a single pass over memory.

Notation: N rows, H units. The derivative is taken on the way forward, where it shares the
exponential with the value; the way back is then the same for all activations. Each activation's
loop is compiled by itself and called by its address: compiled into the passes that call it, each
loop would be optimised again with every one of these, which took twice as long.
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

from search.activations import ActivationName, get_activation
from search.engines.compiled.activation_functions import FUNCTIONS, ScalarFunction
from search.engines.compiled.elementary import like
from search.engines.compiled.jit import c_entry_point, inlined, llvm_intrinsic, source_stamp


def _parameter_derivative(name: ActivationName, function: ScalarFunction) -> Any:
    """Return df/dp of `function`, or zero where the activation learns no number."""

    @inlined
    def derivative(z: float, p: float) -> float:
        return function(z, p)[2]  # type: ignore[misc]  # the length follows from the catalog

    @inlined
    def zero(z: float, p: float) -> float:
        return like(z, 0.0)

    learns = any(parameter.learned for parameter in get_activation(name).parameters)
    return derivative if learns else zero


@cache
def activation_loop(name: ActivationName, dtype: DTypeLike) -> Any:
    """Return the compiled loop of an activation, for `activate` to call at its `address`."""
    function, stamp = FUNCTIONS[name], source_stamp()
    parameter_derivative = _parameter_derivative(name, function)
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
        parameter_derivative_at: Any,
    ) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        pre, active = carray(pre_at, (rows, units)), carray(active_at, (rows, units))
        offset, number = carray(offset_at, units), carray(number_at, (rows, units))
        if learns:
            derivatives = carray(parameter_derivative_at, (rows, units))
            for row in range(rows):
                own = number[row if by_row else 0]
                for unit in range(units):
                    z, p = pre[row, unit] + offset[unit], own[unit]
                    derivatives[row, unit] = parameter_derivative(z, p)
        for row in range(rows):
            own = number[row if by_row else 0]
            for unit in range(units):
                # `pre` is read once, for value and slope to share what they compute: a second read
                # might find what was written in between.
                result = function(pre[row, unit] + offset[unit], own[unit])
                active[row, unit] = result[0]
                pre[row, unit] = result[1]

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
    parameter_derivative: Any,
    learns: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Call the activation loop at `address`.

    With z = pre + offset, f(z) goes into `active`, f'(z) into `pre`, and where the activation
    `learns` a number the derivative by it into `parameter_derivative`, all (N, H). `number` holds
    the activation's number, (H,) or `by_row` (N * H,).
    """
    arrays = (pre, offset, number, active, parameter_derivative)

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
    return (
        types.void(count, pre, offset, number, count, active, parameter_derivative, count),
        generate,
    )
