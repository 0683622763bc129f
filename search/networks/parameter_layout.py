"""Where the vectors of a lane (biases, normalization, learned slopes) lie in its row.

Notation: H width, C outputs. Weight matrices are stored layer by layer, (lanes, in, out), because
batched products need them contiguous. Everything smaller lies in one row a lane,

    [output: bias (1, C)] [layer 1: bias (1, H), scale, shift, slope ...] [layer 2: ...] ...

so that the optimizer updates all vectors of a lane as one tensor. A stack's rows have room for
whatever any of its lanes has; the rest stays zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

#: Elements; 64 bytes of float32, the width of a cache line and of an AVX-512 register.
ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class ParameterSlice:
    """One vector of one layer: elements [start, start + size) of a row, seen as `shape`."""

    name: str
    start: int
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def head(self, length: int) -> ParameterSlice:
        """Return the first `length` elements of this piece."""
        return ParameterSlice(self.name, self.start, (1, length))


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The pieces of a row. `layers[k]` belongs to the k-th hidden layer."""

    output: ParameterSlice
    layers: tuple[dict[str, ParameterSlice], ...]
    #: Elements of a row.
    size: int


def row_layout(
    *,
    width: int,
    outputs: int,
    depth: int,
    normalized: bool,
    learned: Iterable[tuple[str, str]],
) -> RowLayout:
    """Lay out a row for lanes up to `depth`; `learned` as `NetworkConfig.learned` of all."""
    position = 0

    def place(name: str, length: int) -> ParameterSlice:
        nonlocal position
        piece = ParameterSlice(name, position, (1, length))
        position += -(-length // ALIGNMENT) * ALIGNMENT
        return piece

    lengths = {"bias": width}
    if normalized:
        lengths |= {"scale": width, "shift": width}
    for name, sharing in sorted(set(learned)):
        lengths[name] = max(lengths.get(name, 1), width if sharing == "channel" else 1)
    output = place("bias", outputs)
    layers = [{name: place(name, length) for name, length in lengths.items()} for _ in range(depth)]
    return RowLayout(output, tuple(layers), position)
