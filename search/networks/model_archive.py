"""The winner as something to keep: its weights and how raw rows become its inputs, as one blob.

A NumPy archive without pickles: the arrays of the trained lane, the statistics of the
preprocessing, and one JSON document that names columns, levels, classes and the configuration.
Nothing else is needed to rebuild the predictor, not even the dataset.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.datasets import Dataset
from search.data.fold_arrays import FeatureSchema
from search.data.preprocessing import Preprocessor
from search.networks.lane import LaneState
from search.study import ParamValue, Scaling, Task

#: Arrays that are no statistics of numeric columns.
_OTHERS = ("document", "params", "running")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelArchive:
    """A trained network and what it takes to feed it."""

    params: Mapping[str, ParamValue]
    task: Task
    #: Labels in the order of their codes; empty for regression.
    classes: tuple[str, ...]
    target: str
    schema: FeatureSchema
    scaling: Scaling
    #: `median` of each numeric column, and the statistics of its scaling (`search.data.scaling`):
    #: for standard `mean`, `scale` and the `limit` at which scaled numbers are cut off.
    statistics: Mapping[str, NDArray[np.float64]]
    #: Column of `schema.encoded` -> level -> its numbers; None stands for all other levels.
    encodings: Mapping[str, Mapping[str | None, tuple[float, ...]]]
    #: Predictions of a regression are `output * target_scale + target_mean`.
    target_mean: float
    target_scale: float
    #: All parameters in the order of `search.networks.parameter_layout`, (P,), float32.
    weights: NDArray[np.floating]
    #: Running mean and variance of batch normalization, empty without it.
    running: NDArray[np.floating]


def save_model_archive(
    params: Mapping[str, ParamValue],
    state: LaneState,
    preprocessor: Preprocessor,
    dataset: Dataset,
) -> bytes:
    """Return the blob of a network trained to `state` on what `preprocessor` made."""
    document = {
        "params": dict(params),
        "task": preprocessor.task.value,
        "classes": preprocessor.classes,
        "target": dataset.target,
        "schema": asdict(preprocessor.schema),
        "scaling": preprocessor.scaler.kind.value,
        "encodings": [
            {
                "unknown": known.unknown.tolist(),
                "levels": {level: numbers.tolist() for level, numbers in known.levels.items()},
            }
            for known in preprocessor.encodings
        ],
        "target_mean": preprocessor.target_mean,
        "target_scale": preprocessor.target_scale,
    }
    arrays = {
        "document": np.frombuffer(json.dumps(document).encode(), dtype=np.uint8),
        "params": state.params,
        "running": state.running,
        **preprocessor.statistics,
    }
    blob = BytesIO()
    np.savez_compressed(blob, allow_pickle=False, **arrays)
    return blob.getvalue()


def load_model_archive(blob: bytes) -> ModelArchive:
    """Return what `save_model_archive` packed."""
    with np.load(BytesIO(blob), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    document: dict[str, Any] = json.loads(arrays["document"].tobytes())
    schema = document["schema"]
    statistics = {name: array for name, array in arrays.items() if name not in _OTHERS}
    if "clip" in document:  # of an older version, with one limit for all columns
        statistics["limit"] = np.full(len(schema["numeric"]), document["clip"])
    return ModelArchive(
        params=document["params"],
        task=Task(document["task"]),
        classes=tuple(document["classes"]),
        target=document["target"],
        schema=FeatureSchema(
            numeric=tuple(schema["numeric"]),
            indicators=tuple(schema["indicators"]),
            categorical=tuple(schema["categorical"]),
            levels=tuple(map(tuple, schema["levels"])),
            encoded=tuple(schema.get("encoded", ())),
            encodings=tuple(schema.get("encodings", ())),
        ),
        scaling=Scaling(document.get("scaling", Scaling.STANDARD)),
        statistics=statistics,
        encodings={
            column: {
                **{level: tuple(numbers) for level, numbers in known["levels"].items()},
                None: tuple(known["unknown"]),
            }
            for column, known in zip(
                schema.get("encoded", ()), document.get("encodings", ()), strict=True
            )
        },
        target_mean=document["target_mean"],
        target_scale=document["target_scale"],
        weights=arrays["params"],
        running=arrays["running"],
    )
