"""Gathers the list of studies for its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from search.errors import SearchError
from search.study import StudyState
from service.api.dependencies import Services
from service.api.schemas.study_out import StudyOut
from service.api.schemas.verdict import VerdictOut
from service.pages.study_list import StudyLine, matches, winner_in_a_word
from service.stored_datasets import summary_of
from storage.rows.study_rows import StudyRow
from storage.sql.pagination import MAX_LIMIT

#: Lines of one page.
_LINES = 50
#: Studies that a search for words looks at, newest first.
_LOOKED_AT = 5 * MAX_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLines:
    """Lines of one page, newest first, and the cursor of the next page; None after the last."""

    lines: tuple[StudyLine, ...]
    next_cursor: str | None


def study_lines(
    services: Services, *, words: str, state: StudyState | None, cursor: str | None
) -> StudyLines:
    """Return the studies in `state` (None: in any) in which all `words` occur."""
    names = _DatasetNames(services)
    if words.strip():
        found = [
            row
            for row in _newest(services, state)
            if matches(StudyOut.from_row(row).model_dump(mode="json"), names[row.dataset], words)
        ]
        rows, next_cursor = found[:_LINES], None
    else:
        page = services.studies.list(state=state, limit=_LINES, cursor=cursor)
        rows, next_cursor = list(page.items), page.next_cursor
    places = services.queue.places() if any(row.state is StudyState.QUEUED for row in rows) else {}
    lines = tuple(_line(services, row, names[row.dataset], places.get(row.id)) for row in rows)
    return StudyLines(lines=lines, next_cursor=next_cursor)


class _DatasetNames(dict[str, str]):
    """Id of a dataset -> its name, read once; the id where it was deleted."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def __missing__(self, dataset_id: str) -> str:
        try:
            self[dataset_id] = summary_of(self._services.datasets, dataset_id).name
        except SearchError:
            self[dataset_id] = dataset_id
        return self[dataset_id]


def _newest(services: Services, state: StudyState | None) -> Iterator[StudyRow]:
    cursor: str | None = None
    for _ in range(_LOOKED_AT // MAX_LIMIT):
        page = services.studies.list(state=state, limit=MAX_LIMIT, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _line(services: Services, row: StudyRow, dataset: str, place: int | None) -> StudyLine:
    verdict = services.results.get(row.id).results.verdict
    told = VerdictOut.from_verdict(verdict).model_dump(mode="json") if verdict else None
    return StudyLine(
        study=StudyOut.from_row(row).model_dump(mode="json"),
        dataset=dataset,
        queue_place=place,
        winner=winner_in_a_word(told),
    )
