"""Uploaded datasets on the API's side: their facts, without torch and without the worker."""

from __future__ import annotations

from pathlib import PurePath

from search.data.dataset_builder import read_table, with_task
from search.data.datasets import BUILTIN, Dataset, DatasetSummary, load_builtin
from search.study import (
    StudySpec,
)
from storage import Datasets
from storage.datasets import DatasetRow

_PARQUET_MAGIC = b"PAR1"
_NAME_CHARACTERS = 200


def content_type_of(content: bytes) -> str:
    """Return the media type that the first bytes tell."""
    parquet = content.startswith(_PARQUET_MAGIC)
    return "application/vnd.apache.parquet" if parquet else "text/csv"


def summary_of(datasets: Datasets, dataset_id: str) -> DatasetSummary:
    """Describe a dataset by its name or id; NotFound where there is none."""
    if dataset_id in BUILTIN:
        return BUILTIN[dataset_id].summary
    return recorded_summary(datasets, datasets.get(dataset_id))


def recorded_summary(datasets: Datasets, row: DatasetRow) -> DatasetSummary:
    """Describe the upload `row`, whose file is read only where an older version recorded it."""
    if row.class_counts is None or row.notes is None:
        return read_table(
            datasets.content(row.id),
            target=row.target,
            task=row.task,
            name=row.name,
            dataset_id=row.id,
        ).describe()
    return DatasetSummary(
        id=row.id,
        name=row.name,
        task=row.task,
        target=row.target,
        rows=row.rows,
        features=row.features,
        feature_names=row.feature_names,
        classes=row.classes,
        class_counts=row.class_counts,
        notes=row.notes,
    )


def printable_filename(name: str | None) -> str:
    """Return what may be shown of a file's name."""
    return "".join(filter(str.isprintable, name or ""))[:_NAME_CHARACTERS]


_SUFFIX = {"text/csv": ".csv", "application/vnd.apache.parquet": ".parquet"}


def load_dataset(spec: StudySpec, datasets: Datasets | None) -> Dataset:
    """Return the dataset a study names, built-in or uploaded, for the task it asks for."""
    if spec.dataset in BUILTIN or datasets is None:
        dataset = load_builtin(spec.dataset)
    else:
        row = datasets.get(spec.dataset)
        dataset = read_table(
            datasets.content(row.id),
            target=row.target,
            task=row.task,
            name=row.name,
            dataset_id=row.id,
            filename=str(PurePath(row.id).with_suffix(_SUFFIX[row.content_type])),
        )
    return with_task(dataset, spec.task)
