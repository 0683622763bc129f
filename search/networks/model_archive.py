"""The archive of a trained network: its weights and its preprocessing, as one blob.

The blob is a NumPy archive (.npz) without pickles. It holds a format version, the arrays of the
trained lane, the statistics of the preprocessing, and one JSON document with columns, levels,
classes and the configuration: all that is needed to rebuild the predictor, without the dataset.
Reading one loads neither torch nor scikit-learn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search.activations import Activation, own_activation
from search.data.datasets import ColumnKind, Dataset
from search.data.fold_arrays import FeatureSchema
from search.data.input_columns import InputColumn, input_columns, other_columns
from search.errors import InvalidInput
from search.networks.lane import LaneState
from search.study import Expression, ExpressionParameter, ParamValue, Scaling, Task

if TYPE_CHECKING:  # who reads an archive needs no scikit-learn
    from search.data.preprocessing import Preprocessor

#: Version of the blob's format, stored in it as `format_version`. Blobs made before versions were
#: stored lack that entry and have the format of version 1; those before version 3 do not say how
#: cells are written.
FORMAT_VERSION = 3
#: Arrays that are no statistics of numeric columns.
_OTHERS = ("format_version", "document", "params", "running")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelArchive:
    """A trained network with the preprocessing of its inputs."""

    params: Mapping[str, ParamValue]
    #: The activation by its name, where it is a person's own.
    own: Mapping[str, Activation]
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
    #: The columns that the network takes, in the order of the dataset.
    columns: tuple[InputColumn, ...]
    #: Names of the dataset's other columns, the target among them.
    others: tuple[str, ...]
    #: Predictions of a regression are `output * target_scale + target_mean`; 0 and 1 otherwise.
    target_mean: float
    target_scale: float
    #: All parameters in the order of `LaneState.params`, (P,), float32.
    weights: NDArray[np.floating]
    #: Running mean and variance of batch normalization, (depth, 2, H); empty without it.
    running: NDArray[np.floating]


def save_model_archive(
    params: Mapping[str, ParamValue],
    state: LaneState,
    preprocessor: Preprocessor,
    dataset: Dataset,
    expression: Expression | None = None,
) -> bytes:
    """Return the blob of a network trained to `state` on rows of `dataset`.

    `preprocessor` is the one that prepared those rows, `expression` the activation where that is a
    person's own.
    """
    document = {
        "params": dict(params),
        "task": preprocessor.task.value,
        "classes": preprocessor.classes,
        "target": dataset.target,
        "columns": list(map(asdict, input_columns(dataset))),
        "others": other_columns(dataset),
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
    if expression is not None:
        document["expression"] = asdict(expression)
    arrays = {
        "format_version": np.array(FORMAT_VERSION),
        "document": np.frombuffer(json.dumps(document).encode(), dtype=np.uint8),
        "params": state.params,
        "running": state.running,
        **preprocessor.statistics,
    }
    blob = BytesIO()
    np.savez_compressed(blob, allow_pickle=False, **arrays)
    return blob.getvalue()


def load_model_archive(blob: bytes) -> ModelArchive:
    """Return the archive of a blob from `save_model_archive`.

    Raises InvalidInput where a later version of this project wrote it in another format.
    """
    with np.load(BytesIO(blob), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    version = int(arrays.get("format_version", 1))
    if version > FORMAT_VERSION:
        raise InvalidInput(
            f"the model archive has format version {version}, and this version reads formats up to "
            f"{FORMAT_VERSION}; update activation-search to read it"
        )
    document: dict[str, Any] = json.loads(arrays["document"].tobytes())
    schema = document["schema"]
    statistics = {name: array for name, array in arrays.items() if name not in _OTHERS}
    if "clip" in document:  # of an older version, with one limit for all columns
        statistics["limit"] = np.full(len(schema["numeric"]), document["clip"])
    kept = FeatureSchema(
        numeric=tuple(schema["numeric"]),
        indicators=tuple(schema["indicators"]),
        categorical=tuple(schema["categorical"]),
        levels=tuple(map(tuple, schema["levels"])),
        encoded=tuple(schema.get("encoded", ())),
        encodings=tuple(schema.get("encodings", ())),
    )
    return ModelArchive(
        params=document["params"],
        own=_own(document.get("expression")),
        task=Task(document["task"]),
        classes=tuple(document["classes"]),
        target=document["target"],
        schema=kept,
        columns=_columns(document, kept),
        others=tuple(document.get("others", (document["target"],))),
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


def _columns(document: dict[str, Any], schema: FeatureSchema) -> tuple[InputColumn, ...]:
    """Return the columns of a document; where it lacks them, numbers with a point and texts."""
    if "columns" in document:
        return tuple(
            InputColumn(**{**column, "kind": ColumnKind(column["kind"])})
            for column in document["columns"]
        )
    kinds = {
        **dict.fromkeys(schema.numeric, ColumnKind.NUMBER),
        **dict.fromkeys(schema.categorical, ColumnKind.CATEGORY),
        **dict.fromkeys(schema.encoded, ColumnKind.MANY_CATEGORIES),
    }
    return tuple(InputColumn(name=name, kind=kind) for name, kind in kinds.items())


def _own(document: dict[str, Any] | None) -> dict[str, Activation]:
    if document is None:
        return {}
    parameters = tuple(ExpressionParameter(**p) for p in document.pop("parameters"))
    row = own_activation(Expression(**document, parameters=parameters))
    return {row.name: row}
