"""Gathers what the pages of a study show: the same answers that the API gives."""

from __future__ import annotations

from collections.abc import Iterator

from search.data.datasets import BUILTIN
from search.errors import SearchError
from search.metrics import METRICS, Direction
from search.study import TrialRecord
from service.api.dependencies import Services
from service.api.schemas.dataset import DatasetOut
from service.api.schemas.results import ResultsOut
from service.api.schemas.study_out import StudyOut
from service.api.schemas.trial import TrialDetailOut, TrialOut
from service.pages.study_document import MOST_TRIALS, Json, StudyDocument
from service.stored_datasets import summary_of
from storage.rows.study_rows import StudyRow
from storage.sql.pagination import MAX_LIMIT


def study_document(services: Services, study_id: str) -> StudyDocument:
    """Return the study with its results, its best trials and its dataset; NotFound for none."""
    row = services.studies.get(study_id)
    stored = services.results.get(study_id)
    results = ResultsOut.from_stored(row, stored).model_dump(mode="json")
    metric = row.metric_names[0]
    return StudyDocument(
        study=study_out(services, row).model_dump(mode="json"),
        results=results,
        trials=[
            TrialOut.from_record(trial).model_dump(mode="json")
            for trial in best_trials(services, study_id, metric)
        ],
        bests=[
            trial_detail(services, study_id, arm["best_number"])
            for arm in results["by_activation"]
            if arm["best_number"] is not None
        ],
        dataset=_dataset(services, row),
        metric=metric,
    )


def study_out(services: Services, row: StudyRow) -> StudyOut:
    """Return a study in the wire format, with what keeps it from going on."""
    fault = None if row.state.is_finished else services.write_probe.fault()
    return StudyOut.from_row(row, fault=fault)


def trial_detail(services: Services, study_id: str, number: int) -> Json:
    """Return one trial with its curves and layers; NotFound for none."""
    record = services.trials.get(study_id, number)
    return TrialDetailOut.from_record(record).model_dump(mode="json")


def best_trials(services: Services, study_id: str, metric: str) -> Iterator[TrialRecord]:
    """Yield the best MOST_TRIALS trials by `metric`, those without a value last."""
    row = METRICS.get(metric)
    order = "-value" if row is not None and row.direction is Direction.MAXIMIZE else "value"
    left, cursor = MOST_TRIALS, None
    while left > 0:
        page = services.trials.list(
            study_id, order=order, limit=min(left, MAX_LIMIT), cursor=cursor
        )
        yield from page.items
        left -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def _dataset(services: Services, row: StudyRow) -> Json | None:
    try:
        summary = summary_of(services.datasets, row.dataset, row.spec.task, reader=services.tables)
    except SearchError:  # deleted since, or it cannot be read any more
        return None
    out = DatasetOut.from_summary(summary, builtin=row.dataset in BUILTIN)
    return out.model_dump(mode="json")
