"""Stored datasets: the one place that reads a built-in or uploaded dataset back.

The worker loads a dataset whole, the API asks for its summary. Imports no torch; pandas is loaded
only where a file is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from search.data.datasets import (
    BUILTIN,
    ColumnRole,
    Dataset,
    DatasetSummary,
    load_builtin,
)
from search.errors import InvalidInput
from search.study import StudySpec, Task
from service.table_reading import Table, TableReader, read_report, rows_of
from storage import Datasets
from storage.datasets import DatasetRow

_PARQUET_MAGIC = b"PAR1"
_CSV, _PARQUET = "text/csv", "application/vnd.apache.parquet"
_SUFFIX = {_CSV: ".csv", _PARQUET: ".parquet"}
_NAME_CHARACTERS = 200


def load_dataset(spec: StudySpec, datasets: Datasets | None) -> Dataset:
    """Return the dataset of a study, built-in or uploaded, for the task of the study.

    Without `datasets` only built-in ones are known. Raises UnknownChoice or NotFound for an unknown
    dataset, InvalidDataset where its target does not allow the task.
    """
    from search.data.dataset_builder import with_task  # noqa: PLC0415 - loads pandas

    if spec.dataset in BUILTIN or datasets is None:
        return with_task(load_builtin(spec.dataset), spec.task)
    return _read_upload(datasets, datasets.get(spec.dataset), spec.task)


def dataset_id_of(datasets: Datasets, word: str) -> str:
    """Return the id of the dataset that a person calls `word`, an id or the name of an upload.

    A word that is neither is returned as it is. Raises InvalidInput where several uploads have the
    name.
    """
    if word in BUILTIN:
        return word
    rows = datasets.list()
    named = [row.id for row in rows if row.name == word]
    if any(row.id == word for row in rows) or not named:
        return word
    if len(named) > 1:
        raise InvalidInput(
            f"{len(named)} datasets are called '{word}'; give the id of one: {', '.join(named)}",
            pointer="/dataset",
        )
    return named[0]


def summary_of(
    datasets: Datasets,
    dataset_id: str,
    task: Task | None = None,
    *,
    reader: TableReader | None = None,
) -> DatasetSummary:
    """Return the summary of a dataset for `task`, None standing for the dataset's own.

    Equal to that of `load_dataset`, yet no data are read where the recorded facts suffice; where
    they do not, by `reader`, or in this process. Raises NotFound for an unknown dataset,
    InvalidDataset where its target does not allow the task.
    """
    if dataset_id not in BUILTIN:
        return summary_of_upload(datasets, datasets.get(dataset_id), task, reader=reader)
    summary = BUILTIN[dataset_id].summary
    if task is None or task is summary.task:
        return summary
    from search.data.dataset_builder import with_task  # noqa: PLC0415 - loads pandas

    return with_task(load_builtin(dataset_id), task).describe()


def summary_of_upload(
    datasets: Datasets,
    row: DatasetRow,
    task: Task | None = None,
    *,
    reader: TableReader | None = None,
) -> DatasetSummary:
    """Return the summary of the upload `row`, as `summary_of` does."""
    other_task = task is not None and task is not row.task
    if other_task or row.class_counts is None or row.notes is None or row.report is None:
        if reader is None:
            return _read_upload(datasets, row, task).describe()
        return reader.describe(_table(datasets, row), as_task=task)
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
        columns=tuple(read_report(column) for column in row.report["columns"]),
        groups=row.report["groups"],
        class_groups=tuple(row.report["class_groups"]),
    )


def content_type_of(content: bytes) -> str:
    """Return the media type that the first bytes of a file tell."""
    return _PARQUET if content.startswith(_PARQUET_MAGIC) else _CSV


def keep_upload(
    datasets: Datasets,
    summary: DatasetSummary,
    content: bytes,
    roles: Mapping[str, str] | None = None,
) -> DatasetRow:
    """Record a table as read, with the `roles` of columns that were given; return its row."""
    return datasets.add(
        name=summary.name,
        task=summary.task,
        target=summary.target,
        rows=summary.rows,
        feature_names=summary.feature_names,
        classes=summary.classes,
        class_counts=summary.class_counts,
        notes=summary.notes,
        content=content,
        content_type=content_type_of(content),
        roles=roles,
        report=report_of(summary),
    )


def report_of(summary: DatasetSummary) -> dict[str, Any]:
    """Return the facts of columns and groups as they are recorded."""
    return {
        "columns": [asdict(column) for column in summary.columns],
        "groups": summary.groups,
        "class_groups": list(summary.class_groups),
    }


def first_rows(
    datasets: Datasets, dataset_id: str, rows: int, *, reader: TableReader | None = None
) -> list[dict[str, Any]]:
    """Return the first rows of a dataset as read, by column; NotFound where there is none.

    Missing values are None, classes are their labels. An upload is read by `reader`, or in this
    process.
    """
    if dataset_id in BUILTIN:
        return rows_of(load_builtin(dataset_id), rows)
    row = datasets.get(dataset_id)
    if reader is None:
        return rows_of(_read_upload(datasets, row, None), rows)
    return reader.first_rows(_table(datasets, row), rows)


def printable_filename(name: str | None) -> str:
    """Return the printable characters of a file's name, at most 200."""
    return "".join(filter(str.isprintable, name or ""))[:_NAME_CHARACTERS]


def _read_upload(datasets: Datasets, row: DatasetRow, task: Task | None) -> Dataset:
    from search.data.dataset_builder import read_table, with_task  # noqa: PLC0415 - loads pandas

    table = _table(datasets, row)
    dataset = read_table(
        table.content,
        target=table.target,
        task=table.task,
        columns=table.columns,
        name=table.name,
        dataset_id=table.dataset_id,
        filename=table.filename,
    )
    return with_task(dataset, task)


def _table(datasets: Datasets, row: DatasetRow) -> Table:
    return Table(
        content=datasets.content(row.id),
        target=row.target,
        task=row.task,
        columns={name: ColumnRole(role) for name, role in row.roles.items()},
        name=row.name,
        dataset_id=row.id,
        filename=row.id + _SUFFIX[row.content_type],
    )
