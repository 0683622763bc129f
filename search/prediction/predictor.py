"""The predictor: a network's archive made a function of columns, in NumPy.

Notation: N rows, D inputs, C classes. Inputs are rounded to float32, as those of the training were;
everything after that is float64, so that a prediction does not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute
from scipy.special import expit, softmax

from search.activations.formulas import NUMPY
from search.data.fold_arrays import MISSING
from search.data.input_columns import Cells
from search.data.scaling import Scaler
from search.networks.model_archive import ModelArchive
from search.networks.trained_network import NormalizationLayer, take_apart
from search.study import Task

Floats = NDArray[np.float64]
#: Rows that pass through all layers at a time, so that a layer's outputs stay in a core's cache.
_BLOCK = 1024
#: Added to variances, as by torch.nn.
_EPSILON = 1e-5


class Predictor:
    """Predicts by one archive."""

    def __init__(self, archive: ModelArchive) -> None:
        self.archive = archive
        self._network = take_apart(archive, np.float64)
        self._scaler = Scaler(kind=archive.scaling, statistics=archive.statistics)
        schema = archive.schema
        self._levels = {
            name: pa.array(levels, pa.large_string())
            for name, levels in zip(schema.categorical, schema.levels, strict=True)
        }
        self._encodings = {name: _encoding(known) for name, known in archive.encodings.items()}

    def predict(self, columns: Mapping[str, Cells]) -> Floats:
        """Return `(N,)` predictions in units of the target, or `(N, C)` probabilities.

        `columns` holds every column of the archive.
        """
        logits = self.logits(self.inputs(columns))
        if self.archive.task is Task.REGRESSION:
            predictions: Floats = logits[:, 0] * self.archive.target_scale
            return predictions + self.archive.target_mean
        if self.archive.task is Task.BINARY:
            positive = expit(logits[:, 0])
            return np.stack([1 - positive, positive], axis=1)
        probabilities: Floats = softmax(logits, axis=1)
        return probabilities

    def inputs(self, columns: Mapping[str, Cells]) -> NDArray[np.float32]:
        """Return the inputs of the network, (N, D)."""
        schema = self.archive.schema
        rows = len(next(iter(columns.values())).values)
        parts: list[NDArray[np.floating]] = []
        if schema.numeric:
            values = np.stack([columns[name].values for name in schema.numeric], axis=1)
            median = self.archive.statistics["median"]
            parts.append(self._scaler.apply(np.where(np.isnan(values), median, values)))
        parts += [np.isnan(columns[name].values)[:, None] for name in schema.indicators]
        for name, levels in self._levels.items():
            places = _places(columns[name], levels)
            inputs = np.zeros((rows, len(levels) + 1))
            inputs[np.arange(rows), places] = 1.0
            parts.append(inputs[:, :-1])
        for name, (levels, table) in self._encodings.items():
            parts.append(table[_places(columns[name], levels)])
        return np.hstack(parts).astype(np.float32)

    def unknown_levels(self, name: str, cells: Cells) -> NDArray[np.bool_]:
        """Return which cells of a column of text hold a level that the training rows lacked."""
        levels = self._levels.get(name)
        if levels is None:
            levels = self._encodings[name][0]
        unknown = (_places(cells, levels) == len(levels)) & (cells.values != MISSING)
        return np.asarray(unknown, bool)

    def logits(self, inputs: NDArray[np.float32]) -> Floats:
        """Return the outputs of the network, (N, 1) or (N, C), for inputs (N, D)."""
        parts = [inputs[start : start + _BLOCK] for start in range(0, len(inputs), _BLOCK)]
        return np.concatenate([self._forward(part) for part in parts or [inputs]])

    def _forward(self, inputs: NDArray[np.float32]) -> Floats:
        x = inputs.astype(np.float64)
        with np.errstate(all="ignore"):  # a network may reach infinity, as in its training
            for layer in self._network.hidden:
                z = x @ layer.linear.weight + layer.linear.bias
                if layer.normalization is not None:
                    z = _normalize(layer.normalization, z)
                x = layer.row.expression(NUMPY, z, layer.numbers)
            outputs: Floats = x @ self._network.output.weight + self._network.output.bias
        return outputs


def _normalize(layer: NormalizationLayer, z: Floats) -> Floats:
    mean = z.mean(axis=1, keepdims=True) if layer.mean is None else layer.mean
    variance = z.var(axis=1, keepdims=True) if layer.variance is None else layer.variance
    normal: Floats = (z - mean) / np.sqrt(variance + _EPSILON) * layer.scale + layer.shift
    return normal


def _encoding(known: Mapping[str | None, tuple[float, ...]]) -> tuple[pa.Array, Floats]:
    """Return levels, and the numbers that stand for each; the last row is that of all others."""
    levels = [level for level in known if level is not None]
    return pa.array(levels, pa.large_string()), np.array([*(known[k] for k in levels), known[None]])


def _places(cells: Cells, levels: pa.Array) -> NDArray[np.int64]:
    """Return the place of each cell among `levels`, their number where it is none of them."""
    texts = pa.array(cells.values, pa.large_string())
    found = compute.index_in(texts, levels)
    places: NDArray[np.int64] = compute.fill_null(found, len(levels)).to_numpy(zero_copy_only=False)
    return places.astype(np.int64)
