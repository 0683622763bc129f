"""Results are read as they were stored, with the version that long polling compares."""

from __future__ import annotations

import math

import pytest

from search.errors import NotFound
from storage import Database, Results
from storage.rows.study_rows import StudyRow


def test_a_study_without_results_has_an_empty_document(
    database: Database, queued: StudyRow
) -> None:
    results = Results(database).get(queued.id)
    assert results.document == {}
    assert results.version == queued.version


def test_results_are_replaced_and_the_version_grows(database: Database, queued: StudyRow) -> None:
    results = Results(database)
    results.put(queued.id, {"best": {"value": 0.5}, "verdict": None})
    first = results.get(queued.id)
    results.put(queued.id, {"best": {"value": math.inf, "name": "é"}})
    second = results.get(queued.id)
    assert first.document == {"best": {"value": 0.5}, "verdict": None}
    assert second.document == {"best": {"value": math.inf, "name": "é"}}
    assert queued.version < first.version < second.version == results.version(queued.id)


def test_an_unknown_study_is_not_found(database: Database) -> None:
    results = Results(database)
    with pytest.raises(NotFound, match="st_none"):
        results.get("st_none")
    with pytest.raises(NotFound):
        results.version("st_none")
    with pytest.raises(NotFound):
        results.put("st_none", {})
