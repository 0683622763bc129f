"""The check of a study against the facts of the dataset it names, and its place in the queue."""

from __future__ import annotations

from search.data.datasets import BUILTIN, DatasetSummary
from search.errors import NotFound, UnknownChoice
from search.study import StudySpec
from search.study_checks import CheckedStudy, with_trials
from search.study_checks import check_study as check_against_dataset
from service.api.study_size import StudyLimits
from service.stored_datasets import summary_of
from service.table_reading import TableReader
from storage import Datasets, Studies
from storage.rows.study_rows import StudyRow


def check_study(
    spec: StudySpec,
    datasets: Datasets,
    reader: TableReader | None = None,
    limits: StudyLimits | None = None,
) -> CheckedStudy:
    """Return `spec` checked whole, and against `limits` where there are some.

    An upload is read by `reader` if it must be.

    Raises UnknownChoice for a dataset that does not exist, InvalidInput as
    `search.study_checks.check_study` does.
    """
    summary = _summary(spec, datasets, reader)
    checked = check_against_dataset(spec, summary)
    if limits is not None:
        limits.check(checked, summary)
    return checked


def queue_study(
    studies: Studies,
    spec: StudySpec,
    checked: CheckedStudy,
    *,
    idempotency_key: str | None = None,
    client: str | None = None,
) -> StudyRow:
    """Queue a study that `check_study` has `checked`, with its number of trials filled in."""
    return studies.create(
        with_trials(spec, checked.arms),
        directions=[str(metric.direction) for metric in checked.objectives],
        metric_names=[metric.name for metric in checked.objectives],
        idempotency_key=idempotency_key,
        client=client,
    )


def _summary(spec: StudySpec, datasets: Datasets, reader: TableReader | None) -> DatasetSummary:
    try:
        return summary_of(datasets, spec.dataset, spec.task, reader=reader)
    except NotFound as error:
        known = [*BUILTIN, *(row.id for row in datasets.list())]
        raise UnknownChoice("dataset", spec.dataset, known, pointer="/dataset") from error
