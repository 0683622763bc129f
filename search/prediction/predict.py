"""Predictions for a file of rows, or for rows by value: what a bounded process is asked to do.

Arguments and results are plain values, so that they pass between processes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute
from threadpoolctl import threadpool_limits

from search.errors import InvalidInput
from search.networks.model_archive import ModelArchive, load_model_archive
from search.prediction.csv_chunks import read_chunks
from search.prediction.predictor import Predictor
from search.prediction.row_reader import RowReader


def predict_file(archive: bytes, rows: str, out: str) -> dict[str, Any]:
    """Predict the rows of the table at `rows` into a CSV at `out`.

    Columns of the CSV are `prediction` and, for classes, `probability_LABEL` each. Returns the
    number of `rows`, and `warnings`. Raises InvalidInput for rows that cannot be read.
    """
    predictor = Predictor(load_model_archive(archive))
    chunks = read_chunks(Path(rows))
    reader = RowReader(predictor, chunks.names)
    writer = _Lines(predictor.archive)
    count = 0
    # Threads of BLAS would only wait for each other: the products of a block are small.
    with Path(out).open("wb") as file, threadpool_limits(1, "blas"):
        file.write(writer.header)
        for frame in chunks.frames:
            cells = (
                reader.read_texts(frame)
                if chunks.are_text
                else reader.read_values(frame.to_dict("records"))
            )
            file.write(writer.lines(predictor.predict(cells)))
            count += len(frame)
    return {"rows": count, "warnings": list(reader.warnings)}


def predict_rows(archive: bytes, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Predict rows of values by column.

    Returns `predictions`, each with its `prediction` and, for classes, `probabilities` by label
    (None for regression), and `warnings`.
    """
    predictor = Predictor(load_model_archive(archive))
    if not rows:
        raise InvalidInput("rows is empty; give one row or more", pointer="/rows")
    reader = RowReader(predictor, list(dict.fromkeys(name for row in rows for name in row)))
    predicted = predictor.predict(reader.read_values(rows))
    classes = predictor.archive.classes
    if classes:
        predictions = [
            {
                "prediction": classes[place],
                "probabilities": dict(zip(classes, map(_finite, shares), strict=True)),
            }
            for place, shares in zip(predicted.argmax(axis=1), predicted.tolist(), strict=True)
        ]
    else:
        predictions = [
            {"prediction": _finite(value), "probabilities": None} for value in predicted.tolist()
        ]
    return {"predictions": predictions, "warnings": list(reader.warnings)}


class _Lines:
    """Writes predictions as lines of CSV."""

    def __init__(self, archive: ModelArchive) -> None:
        self._classes = pa.array(map(_quoted, archive.classes), pa.large_string())
        names = ("prediction", *(f"probability_{label}" for label in archive.classes))
        self.header = f"{','.join(map(_quoted, names))}\n".encode()

    def lines(self, predicted: NDArray[np.float64]) -> bytes:
        """Return a line a row, each ended."""
        if not len(predicted):
            return b""
        if not len(self._classes):
            columns = [_written(predicted)]
        else:
            columns = [
                self._classes.take(pa.array(predicted.argmax(axis=1))),
                *map(_written, predicted.T),
            ]
        lines = compute.binary_join_element_wise(*columns, pa.scalar(",", pa.large_string()))
        return ("\n".join(lines.to_pylist()) + "\n").encode()


def _written(numbers: NDArray[np.float64]) -> pa.Array:
    return compute.cast(pa.array(np.ascontiguousarray(numbers)), pa.large_string())


def _quoted(text: str) -> str:
    """Return a text as a cell of a CSV."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([text])
    return cell.getvalue()


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
