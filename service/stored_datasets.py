"""Uploaded datasets on the API's side: their facts, without torch and without the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from search.data.dataset_builder import read_table, with_task
from search.data.datasets import (
    BUILTIN,
    ColumnKind,
    ColumnReport,
    ColumnRole,
    Dataset,
    DatasetSummary,
    load_builtin,
)
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
    if row.class_counts is None or row.notes is None or row.report is None:
        return read_upload(datasets, row).describe()
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
        columns=tuple(_read_report(column) for column in row.report["columns"]),
        groups=row.report["groups"],
        class_groups=tuple(row.report["class_groups"]),
    )


def report_of(summary: DatasetSummary) -> dict[str, Any]:
    """Return the facts of columns and groups as they are recorded."""
    return {
        "columns": [asdict(column) for column in summary.columns],
        "groups": summary.groups,
        "class_groups": list(summary.class_groups),
    }


def _read_report(column: Mapping[str, Any]) -> ColumnReport:
    return ColumnReport(
        **{
            **column,
            "role": ColumnRole(column["role"]),
            "kind": ColumnKind(column["kind"]),
            "examples": tuple(column["examples"]),
        }
    )


def read_upload(datasets: Datasets, row: DatasetRow) -> Dataset:
    """Read the file of the upload `row` again, for the task that it was recorded with."""
    return read_table(
        datasets.content(row.id),
        target=row.target,
        task=row.task,
        columns={name: ColumnRole(role) for name, role in row.roles.items()},
        name=row.name,
        dataset_id=row.id,
        filename=str(PurePath(row.id).with_suffix(_SUFFIX[row.content_type])),
    )


def first_rows(datasets: Datasets, dataset_id: str, rows: int) -> list[dict[str, Any]]:
    """Return the first rows of a dataset as read, by column; NotFound where there is none.

    Missing values are None, classes are their labels.
    """
    if dataset_id in BUILTIN:
        dataset = load_builtin(dataset_id)
    else:
        dataset = read_upload(datasets, datasets.get(dataset_id))
    table = dataset.features.head(rows).astype(object)
    values = table.where(table.notna(), None).to_dict("records")
    y = dataset.y[:rows].tolist()
    labels = [dataset.classes[code] for code in y] if dataset.classes else y
    return [
        {**{str(name): value for name, value in row.items()}, dataset.target: label}
        for row, label in zip(values, labels, strict=True)
    ]


def printable_filename(name: str | None) -> str:
    """Return what may be shown of a file's name."""
    return "".join(filter(str.isprintable, name or ""))[:_NAME_CHARACTERS]


_SUFFIX = {"text/csv": ".csv", "application/vnd.apache.parquet": ".parquet"}


def load_dataset(spec: StudySpec, datasets: Datasets | None) -> Dataset:
    """Return the dataset a study names, built-in or uploaded, for the task it asks for."""
    if spec.dataset in BUILTIN or datasets is None:
        dataset = load_builtin(spec.dataset)
    else:
        dataset = read_upload(datasets, datasets.get(spec.dataset))
    return with_task(dataset, spec.task)
