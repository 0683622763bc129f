"""Activating one layer of one lane: value and derivative in a single pass over memory.

Notation: N rows, H units. The derivative is taken on the way forward, where it shares the
exponential with the value; the way back is then the same for all activations. Each activation's
loop is compiled by itself, from a function written by hand or from the tree of its formula, and
called by its address: compiled into the passes that call it, each
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

from search.activations import Activation, ActivationName
from search.engines.compiled.activation_functions import FUNCTIONS, ScalarFunction
from search.engines.compiled.elementary import like
from search.engines.compiled.formula_code import (
    enter_formula,
    own_numbers,
    store_parameter_slopes,
    value_and_slope,
)
from search.engines.compiled.jit import c_entry_point, inlined, llvm_intrinsic, source_stamp


@cache
def activation_loop(activation: Activation, dtype: DTypeLike) -> Any:
    """Return the compiled loop of an activation, for `activate` to call at its `address`."""
    function = FUNCTIONS.get(ActivationName(activation.name)) if activation.listed else None
    if function is not None:
        return _loop_of_function(activation, function, dtype)
    return _loop_of_formula(activation, dtype)


def _signature(dtype: DTypeLike) -> Any:
    pointer: Any = types.CPointer
    numbers = pointer(from_dtype(np.dtype(dtype)))
    return types.void(*[types.intp] * 6, *[numbers] * 5)


def _parameter_derivative(activation: Activation, function: ScalarFunction) -> Any:
    """Return df/dp of `function`, or zero where the activation learns no number."""

    @inlined
    def derivative(z: float, p: float) -> float:
        return function(z, p)[2]  # type: ignore[misc]  # the length follows from the catalog

    @inlined
    def zero(z: float, p: float) -> float:
        return like(z, 0.0)

    return derivative if activation.learnable else zero


def _loop_of_function(activation: Activation, function: ScalarFunction, dtype: DTypeLike) -> Any:
    """Return the loop over a function written by hand, which takes one number at most."""
    stamp = source_stamp()
    parameter_derivative = _parameter_derivative(activation, function)

    @c_entry_point(_signature(dtype))
    def loop(
        rows: int,
        units: int,
        by_row: int,
        learns: int,
        uniform: int,
        table: int,
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


def _loop_of_formula(activation: Activation, dtype: DTypeLike) -> Any:
    """Return the loop over the formula of a row, with any count of numbers.

    Numbers that are the same for all units are read once: as many streams through memory as numbers
    would keep a loop from being vectorised.
    """
    # Closed over, so that a loop kept on disk is compiled anew where the formula has changed.
    key = enter_formula(activation.derivatives, activation.number_names)

    @c_entry_point(_signature(dtype), keep=activation.listed)
    def loop(
        rows: int,
        units: int,
        by_row: int,
        learns: int,
        uniform: int,
        table: int,
        pre_at: Any,
        offset_at: Any,
        number_at: Any,
        active_at: Any,
        parameter_derivative_at: Any,
    ) -> None:
        pre, active = carray(pre_at, (rows, units)), carray(active_at, (rows, units))
        offset = carray(offset_at, units)
        if learns:
            for row in range(rows):
                for unit in range(units):
                    z = pre[row, unit] + offset[unit]
                    own = own_numbers(key, number_at, units, unit)
                    place = row * units + unit
                    store_parameter_slopes(key, z, own, parameter_derivative_at, table, place)
        if uniform:
            all_own = own_numbers(key, number_at, units, 0)
            for row in range(rows):
                for unit in range(units):
                    result = value_and_slope(key, pre[row, unit] + offset[unit], all_own)
                    active[row, unit] = result[0]
                    pre[row, unit] = result[1]
        else:
            for row in range(rows):
                for unit in range(units):
                    own = own_numbers(key, number_at, units, unit)
                    result = value_and_slope(key, pre[row, unit] + offset[unit], own)
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
    uniform: Any,
    table: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Call the activation loop at `address`.

    With z = pre + offset, f(z) goes into `active`, f'(z) into `pre`, and where the activation
    `learns` numbers the derivative by the first into `parameter_derivative`, all (N, H), those by
    further ones `table` elements after each other. `number` begins the activation's numbers, one
    after another (H,), `uniform` where each is the same for all units; or it holds one `by_row`,
    (N * H,).
    """
    arrays = (pre, offset, number, active, parameter_derivative)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, by_row, learns, uniform, table = (arguments[i] for i in (0, 4, 7, 8, 9))
        values = [arguments[i] for i in (1, 2, 3, 5, 6)]
        views = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(arrays, values, strict=True)
        ]
        rows, units = (builder.extract_value(views[0].shape, axis) for axis in (0, 1))
        values = [rows, units, by_row, learns, uniform, table, *(view.data for view in views)]
        function = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(address, function.as_pointer()), values)
        return context.get_dummy_value()

    count = types.intp
    counts = (count,) * 3
    return (
        types.void(count, pre, offset, number, count, active, parameter_derivative, *counts),
        generate,
    )
