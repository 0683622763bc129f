"""Results are read as they were stored, with the version that long polling compares."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from search.errors import NotFound, SearchError
from search.study.results import Outcome, StudyResults
from storage import Database, Results
from storage.results import FORMAT_VERSION, read_document, write_document
from storage.rows.study_rows import StudyRow
from storage.sql.tables import RESULTS

#: Stored before documents had a format version: a study of ReLU and PReLU with two objectives.
FIRST_FORMAT = (Path(__file__).parent / "results_format_1.json").read_text()


#: Comparisons that verdicts of the first format made and later ones do not.
GONE = re.compile(
    r"/verdict/comparisons/\d+/baseline_\w+"
    r"|/verdict/baseline/(difference(_low|_high)?|p_value|p_adjusted)"
)


def missing(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Where `new` lacks a value of `old` or has another one."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            yield from missing(value, new.get(name, "nothing"), f"{at}/{name}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from missing(first, second, f"{at}/{place}")
    elif old != new and not GONE.fullmatch(at):
        yield f"{at}: {old!r} became {new!r}"


def test_a_study_without_results_has_empty_ones(database: Database, queued: StudyRow) -> None:
    found = Results(database).get(queued.id)
    assert found.results == StudyResults()
    assert found.version == queued.version


def test_results_are_replaced_and_the_version_grows(database: Database, queued: StudyRow) -> None:
    results = Results(database)
    one = read_document(FIRST_FORMAT)
    other = StudyResults(importances={"é": 0.1 + 0.2, "depth": math.inf})
    results.put(queued.id, one)
    first = results.get(queued.id)
    results.put(queued.id, other)
    second = results.get(queued.id)
    assert first.results == one
    assert second.results == other
    assert queued.version < first.version < second.version == results.version(queued.id)


def test_an_unknown_study_is_not_found(database: Database) -> None:
    results = Results(database)
    with pytest.raises(NotFound, match="st_none"):
        results.get("st_none")
    with pytest.raises(NotFound):
        results.version("st_none")
    with pytest.raises(NotFound):
        results.put("st_none", StudyResults())


def test_a_document_without_a_version_is_of_the_first_format(
    database: Database, queued: StudyRow
) -> None:
    results = Results(database)
    results.put(queued.id, StudyResults())
    with database.writing() as connection:
        connection.execute(update(RESULTS).values(document=FIRST_FORMAT))
    found = results.get(queued.id).results
    assert found.best is not None
    assert found.best.params["activation"] == found.best.activation
    assert found.by_activation[0].expected_best[20] is None
    assert found.by_activation[0].expected_best[5] is not None
    assert [effect.axis for effect in found.slope_effect] == ["prelu_slope"]
    assert found.verdict is not None
    assert found.verdict.outcome is Outcome.TIED
    assert found.verdict.test is not None
    assert found.verdict.test.linear is not None


def test_a_document_of_the_first_format_loses_nothing_but_what_is_compared_no_more() -> None:
    written = json.loads(write_document(read_document(FIRST_FORMAT)))
    assert written.pop("format_version") == FORMAT_VERSION
    assert list(missing(json.loads(FIRST_FORMAT), written)) == []


def test_whole_numbers_and_truths_stay_what_they_are() -> None:
    whole = read_document(FIRST_FORMAT)
    assert whole.best is not None
    params = {"depth": 1, "silu_learned": True, "dropout": 0.0, "gradient_clip": None}
    best = replace(whole.best, params=params)
    kept = read_document(write_document(StudyResults(best=best))).best
    assert kept == best
    assert kept is not None
    assert [type(value) for value in kept.params.values()] == [int, bool, float, type(None)]


def test_a_document_of_a_newer_format_is_refused() -> None:
    newer = json.dumps({**json.loads(FIRST_FORMAT), "format_version": FORMAT_VERSION + 1})
    with pytest.raises(SearchError, match=f"format version {FORMAT_VERSION + 1}.*update it"):
        read_document(newer)
