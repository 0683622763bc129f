"""The check of a study before it is queued, against the facts of the dataset it names."""

from __future__ import annotations

from search.data.datasets import BUILTIN, DatasetSummary
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
        return summary_of(datasets, spec.dataset, spec.task)
    except NotFound as error:
        known = [*BUILTIN, *(row.id for row in datasets.list())]
        raise UnknownChoice("dataset", spec.dataset, known, pointer="/dataset") from error
