"""The layout of a lane's vectors (biases, normalization, learned slopes) in one row.

Notation: H width, C outputs. Weight matrices are stored layer by layer, (lanes, in, out), because
batched products need them contiguous. Everything smaller lies in one row a lane,

    [output: bias (1, C)] [layer 1: bias (1, H), scale, shift, slope ...] [layer 2: ...] ...

so that the optimizer updates all vectors of a lane as one tensor. The rows of a stack have room for
the vectors of every lane in it; elements that a lane does not use stay zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

#: Elements; 64 bytes of float32, the width of a cache line and of an AVX-512 register.
ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class ParameterSlice:
    """The slice [start, start + size) of a row, which holds one vector of one layer."""

    name: str
    start: int
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def head(self, length: int) -> ParameterSlice:
        """Return the slice of the first `length` elements."""
        return ParameterSlice(self.name, self.start, (1, length))


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The slices of a row by layer."""

    #: Bias of the output layer.
    output: ParameterSlice
    #: Slices of each hidden layer by name, the layer next to the data first.
    layers: tuple[dict[str, ParameterSlice], ...]
    #: Number of elements of a row.
    size: int


def learned_name(parameter: str) -> str:
    """Return the name of the slice of a learned parameter, which may itself be called "bias"."""
    return f"learned {parameter}"


def row_layout(
    *,
    width: int,
    outputs: int,
    depth: int,
    normalized: bool,
    learned: Iterable[tuple[str, str]],
) -> RowLayout:
    """Return the layout for lanes of at most `depth` hidden layers.

    `learned` holds the pairs of `NetworkConfig.learned` of all lanes. A parameter that one lane has
    by channel takes `width` elements in every row.
    """
    position = 0

    def place(name: str, length: int) -> ParameterSlice:
        nonlocal position
        placed = ParameterSlice(name, position, (1, length))
        position += -(-length // ALIGNMENT) * ALIGNMENT
        return placed

    lengths = {"bias": width}
    if normalized:
        lengths |= {"scale": width, "shift": width}
    for name, sharing in sorted(set(learned)):
        own = learned_name(name)
        lengths[own] = max(lengths.get(own, 1), width if sharing == "channel" else 1)
    output = place("bias", outputs)
    layers = [{name: place(name, length) for name, length in lengths.items()} for _ in range(depth)]
    return RowLayout(output, tuple(layers), position)
