"""Uploaded datasets on the API's side: their facts, without torch and without the worker."""

from __future__ import annotations

from search.datasets import BUILTIN, DatasetSummary
from search.tables import read_table
from storage.datasets import Datasets

_PARQUET_MAGIC = b"PAR1"


def content_type_of(content: bytes) -> str:
    """Return the media type that the first bytes tell."""
    parquet = content.startswith(_PARQUET_MAGIC)
    return "application/vnd.apache.parquet" if parquet else "text/csv"


def summary_of(datasets: Datasets, dataset_id: str) -> DatasetSummary:
    """Describe a dataset by its name or id; NotFound where there is none."""
    if dataset_id in BUILTIN:
        return BUILTIN[dataset_id].summary
    row = datasets.get(dataset_id)
    return read_table(
        datasets.content(dataset_id),
        target=row.target,
        task=row.task,
        name=row.name,
        dataset_id=row.id,
    ).describe()
