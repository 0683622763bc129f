"""Where the vectors of a lane (biases, normalization, learned slopes) lie in its row.

Notation: H width, C outputs. Weight matrices are stored layer by layer, (lanes, in, out), because
batched products need them contiguous. Everything smaller lies in one row a lane,

    [output: bias (1, C)] [layer 1: bias (1, H), scale, shift, slope ...] [layer 2: ...] ...

so that a lane of depth d uses a prefix of the row that is the same whatever the depth of its
company, and the optimizer updates all its vectors as one tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

#: Elements; 64 bytes of float32, the width of a cache line and of an AVX-512 register.
ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """One vector of one layer: elements [start, start + size) of a row, seen as `shape`."""

    name: str
    start: int
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The pieces of a row. `layers[k]` belongs to the k-th hidden layer."""

    output: Piece
    layers: tuple[dict[str, Piece], ...]
    #: ends[d] is the length of the prefix that a lane of depth d uses.
    ends: tuple[int, ...]


def row_layout(
    *,
    width: int,
    outputs: int,
    depth: int,
    normalized: bool,
    learned: tuple[tuple[str, str], ...],
) -> RowLayout:
    """Lay out a row for lanes up to `depth`; `learned` as in `NetworkConfig.learned`."""
    position = 0

    def place(name: str, length: int) -> Piece:
        nonlocal position
        piece = Piece(name, position, (1, length))
        position += -(-length // ALIGNMENT) * ALIGNMENT
        return piece

    lengths = {"bias": width}
    if normalized:
        lengths |= {"scale": width, "shift": width}
    lengths |= {name: width if sharing == "channel" else 1 for name, sharing in learned}
    output = place("bias", outputs)
    ends = [position]
    layers = []
    for _ in range(depth):
        layers.append({name: place(name, length) for name, length in lengths.items()})
        ends.append(position)
    return RowLayout(output, tuple(layers), tuple(ends))
