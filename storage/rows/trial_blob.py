"""The trial blob: curves, layer statistics and findings of one trial in a compact binary form.

A blob is one byte, the format's version; a line of JSON, which names the columns of numbers and
their lengths; and the numbers as float64, little endian, exactly. JSON throughout would take ten
times the time and more than twice the space.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from search.errors import Conflict
from search.study import Finding, FoldCurve, LayerSnapshot, TrialRecord

#: Version of the format that is written, the first byte of a blob.
FORMAT = 1
#: Blobs of the first releases lack the byte and begin with the brace of their JSON.
_UNVERSIONED = ord("{")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDetails:
    """The fields of a TrialRecord that a trial blob holds, under the same names."""

    curves: tuple[FoldCurve, ...] = ()
    layers: tuple[LayerSnapshot, ...] = ()
    findings: tuple[Finding, ...] = ()


def pack_trial_blob(record: TrialRecord | TrialDetails) -> bytes:
    """Return the blob of the record's curves, layers and findings."""
    columns: list[tuple[float, ...]] = []
    for curve in record.curves:
        columns += (curve.epochs, curve.train_loss, curve.validation_loss, curve.validation_score)
    for snapshot in record.layers:
        columns += snapshot.statistics.values()
    lengths = [len(column) for column in columns]
    header: dict[str, Any] = {
        "folds": [curve.fold for curve in record.curves],
        "layers": [[snapshot.epoch, list(snapshot.statistics)] for snapshot in record.layers],
        "lengths": lengths,
        "findings": [asdict(finding) for finding in record.findings],
    }
    if any(curve.best_epoch is not None for curve in record.curves):
        header["best_epochs"] = [curve.best_epoch for curve in record.curves]
    numbers = struct.pack(f"<{sum(lengths)}d", *chain.from_iterable(columns))
    return bytes([FORMAT]) + json.dumps(header).encode() + b"\n" + numbers


def unpack_trial_blob(blob: bytes) -> TrialDetails:
    """Return the fields of a blob by `pack_trial_blob`, of this version or an older one.

    Conflict for a blob of a newer version.
    """
    start = 0 if blob[0] == _UNVERSIONED else 1
    if start == 1 and blob[0] != FORMAT:
        raise Conflict(
            f"a trial is recorded in format {blob[0]}, but this version reads formats up to "
            f"{FORMAT}; start the version that wrote the database"
        )
    end = blob.index(b"\n")
    header: dict[str, Any] = json.loads(blob[start:end])
    columns = _columns(blob, end + 1, header["lengths"])
    best_epochs = header.get("best_epochs", [None] * len(header["folds"]))
    return TrialDetails(
        curves=tuple(
            FoldCurve(
                fold=fold,
                epochs=tuple(map(int, next(columns))),
                train_loss=next(columns),
                validation_loss=next(columns),
                validation_score=next(columns),
                best_epoch=best_epoch,
            )
            for fold, best_epoch in zip(header["folds"], best_epochs, strict=True)
        ),
        layers=tuple(
            LayerSnapshot(epoch=epoch, statistics={name: next(columns) for name in names})
            for epoch, names in header["layers"]
        ),
        findings=tuple(Finding(**finding) for finding in header["findings"]),
    )


def _columns(blob: bytes, start: int, lengths: list[int]) -> Iterator[tuple[float, ...]]:
    for length in lengths:
        yield struct.unpack_from(f"<{length}d", blob, start)
        start += 8 * length
