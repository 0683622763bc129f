"""What a study must fulfil before it is queued: every mistake is answered at the door."""

from __future__ import annotations

from search.data.dataset_builder import with_task
from search.data.datasets import BUILTIN, DatasetSummary, load_builtin
from search.data.splits import check_folds
from search.errors import NotFound, UnknownChoice
from search.metrics import Metric, check_objectives
from search.pruners import get_pruner
from search.samplers import check_sampler
from search.space import build_space
from search.study import StudySpec
from service.stored_datasets import read_upload, summary_of
from storage import Datasets


def check_study(spec: StudySpec, datasets: Datasets) -> tuple[Metric, ...]:
    """Check `spec` whole and return its objectives; raises InvalidInput of every kind."""
    summary = _summary(spec, datasets)
    objectives = check_objectives(spec.objectives, summary.task)
    check_sampler(spec.sampler, build_space(spec.space))
    get_pruner(spec.pruner.name)
    check_folds(summary, spec.evaluation)
    return objectives


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
    table = read_upload(datasets, datasets.get(spec.dataset))
    return with_task(table, spec.task).describe()
