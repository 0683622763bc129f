"""Transposing a matrix in tiles that stay in the processor's registers.

The plain loop compiles to one strided access an element and takes four times as long. Here a tile
of B x B is read row by row, transposed by log2(B) rounds of exchanges between rows (Eklundh 1972),
and written row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from search.engines.compiled.jit import Array, callable_from_jit, llvm_intrinsic

#: Rows and columns of a tile: a row of float32 is 64 bytes, the widest vector register.
TILE = 16


@callable_from_jit
def transpose(matrix: Array, out: Array) -> None:
    """Write the transpose of `matrix` (n, m) into `out` (m, n)."""
    rows, columns = matrix.shape
    whole_rows, whole_columns = rows - rows % TILE, columns - columns % TILE
    for row in range(0, whole_rows, TILE):
        for column in range(0, whole_columns, TILE):
            _transpose_tile(matrix, out, row, column)
    for row in range(whole_rows):
        for column in range(whole_columns, columns):
            out[column, row] = matrix[row, column]
    for row in range(whole_rows, rows):
        for column in range(columns):
            out[column, row] = matrix[row, column]


@llvm_intrinsic
def _transpose_tile(
    typing: Any, matrix: Any, out: Any, row: Any, column: Any
) -> tuple[Any, Callable[..., Any]]:
    """Write the tile that begins at (row, column) of `matrix` to (column, row) of `out`."""
    signature = types.void(matrix, out, types.intp, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target, row, column = arguments
        vector = ir.VectorType(context.get_value_type(matrix.dtype), TILE)
        align = matrix.dtype.bitwidth // 8
        reading = _tile_rows(context, builder, matrix, source, vector, (row, column))
        lines = [builder.load(pointer, align=align) for pointer in reading]
        for distance in (1, 2, 4, 8):
            lower, upper = _exchange(distance)
            for first in (line for line in range(TILE) if not line & distance):
                pair = lines[first], lines[first + distance]
                lines[first] = builder.shuffle_vector(*pair, lower)
                lines[first + distance] = builder.shuffle_vector(*pair, upper)
        writing = _tile_rows(context, builder, out, target, vector, (column, row))
        for line, pointer in zip(lines, writing, strict=True):
            builder.store(line, pointer, align=align)
        return context.get_dummy_value()

    return signature, generate


def _tile_rows(
    context: Any, builder: Any, kind: Any, array: Any, vector: Any, start: tuple[Any, Any]
) -> list[Any]:
    """Return pointers to the rows of the tile that begins at `start` (row, column), as vectors."""
    view = context.make_array(kind)(context, builder, array)
    columns = builder.extract_value(view.shape, 1)
    first = builder.add(builder.mul(start[0], columns), start[1])
    pointers = []
    for line in range(TILE):
        element = builder.add(first, builder.mul(columns, ir.Constant(first.type, line)))
        pointer = builder.gep(view.data, [element])
        pointers.append(builder.bitcast(pointer, vector.as_pointer()))
    return pointers


def _exchange(distance: int) -> tuple[ir.Constant, ir.Constant]:
    """Return the shuffles of a round that exchanges elements between rows `distance` apart.

    The indices name elements of the lower row, and TILE on those of the upper row.
    """
    mask = ir.VectorType(ir.IntType(32), TILE)
    columns = range(TILE)
    lower = [TILE + c - distance if c & distance else c for c in columns]
    upper = [TILE + c if c & distance else c + distance for c in columns]
    return ir.Constant(mask, lower), ir.Constant(mask, upper)
