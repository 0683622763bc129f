"""The check of a study before it is queued, against the facts of the dataset it names."""

from __future__ import annotations

from dataclasses import replace

from search.data.dataset_builder import read_table, with_task
from search.data.datasets import BUILTIN, DatasetSummary, load_builtin
from search.errors import NotFound, UnknownChoice
from search.metrics import Metric
from search.study import StudySpec
from search.study_checks import check_study as check_against_dataset
from service.stored_datasets import summary_of
from storage import Datasets


def check_study(spec: StudySpec, datasets: Datasets) -> tuple[Metric, ...]:
    """Return the objectives of `spec`, checked whole.

    Raises UnknownChoice for a dataset that does not exist, InvalidInput as
    `search.study_checks.check_study` does.
    """
    return check_against_dataset(spec, _summary(spec, datasets)).objectives


def _summary(spec: StudySpec, datasets: Datasets) -> DatasetSummary:
    try:
        summary = summary_of(datasets, spec.dataset)
    except NotFound as error:
        known = [*BUILTIN, *(row.id for row in datasets.list())]
        raise UnknownChoice("dataset", spec.dataset, known, pointer="/dataset") from error
    if spec.task is None or spec.task is summary.task:
        return summary
    if spec.dataset in BUILTIN:
        return with_task(load_builtin(spec.dataset), spec.task).describe()
    row = datasets.get(spec.dataset)
    table = read_table(datasets.content(row.id), target=row.target, task=spec.task, name=row.name)
    return replace(table.describe(), id=row.id)
