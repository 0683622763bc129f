"""The many numbers of a trial, curves and layers, as one compact blob and back, exactly.

One line of JSON says which numbers there are and how many; then they follow as float64, little
endian. Against JSON throughout this is a tenth of the time and less than half of the space.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from itertools import chain
from typing import Any, TypeAlias

from search.study import FoldCurve

Layers: TypeAlias = Mapping[str, tuple[float, ...]]


def pack_details(curves: tuple[FoldCurve, ...], layers: Layers) -> bytes:
    """Return the blob of `curves` and `layers`."""
    columns: list[tuple[float, ...]] = []
    for curve in curves:
        columns += (curve.epochs, curve.train_loss, curve.validation_loss, curve.validation_score)
    columns += layers.values()
    lengths = [len(column) for column in columns]
    header = {
        "folds": [curve.fold for curve in curves],
        "layers": list(layers),
        "lengths": lengths,
    }
    numbers = struct.pack(f"<{sum(lengths)}d", *chain.from_iterable(columns))
    return json.dumps(header).encode() + b"\n" + numbers


def unpack_details(blob: bytes) -> tuple[tuple[FoldCurve, ...], dict[str, tuple[float, ...]]]:
    """Return the curves and layers of a blob that `pack_details` made."""
    line, numbers = blob.split(b"\n", 1)
    header: dict[str, Any] = json.loads(line)
    columns = []
    start = 0
    for length in header["lengths"]:
        columns.append(struct.unpack_from(f"<{length}d", numbers, start))
        start += 8 * length
    curves = tuple(
        FoldCurve(
            fold=fold,
            epochs=tuple(map(int, columns[4 * position])),
            train_loss=columns[4 * position + 1],
            validation_loss=columns[4 * position + 2],
            validation_score=columns[4 * position + 3],
        )
        for position, fold in enumerate(header["folds"])
    )
    first_layer = 4 * len(curves)
    return curves, dict(zip(header["layers"], columns[first_layer:], strict=True))
