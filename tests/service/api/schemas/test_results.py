"""The wire says everything that the results say, and OpenAPI shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from search.analysis.live_results import LiveResults
from search.data.datasets import Dataset
from search.driver import run_study
from search.study import Budget, Choices, Evaluation, PrunerSpec, Range, StudySpec
from search.study.results import StudyResults
from service.api.app import create_app
from service.api.schemas.results import ResultsOut
from service.settings import Settings
from storage import Studies, open_database
from storage.results import StoredResults, read_document, write_document
from storage.rows.study_rows import StudyRow
from tests.storage.test_results import missing

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "prelu")),
        "depth": Range(low=1, high=2),
        "width": Choices(values=(8,)),
    },
    pruner=PrunerSpec(name="none"),
    budget=Budget(trials=96, epochs=3),
    evaluation=Evaluation(folds=2, confirm_top=2, confirm_repeats=3),
    objectives=("log_loss", "parameters"),
)


#: Stored before documents had a format version, by the study that SPEC describes.
FIRST_FORMAT = Path(__file__).parents[3] / "storage" / "results_format_1.json"


@pytest.fixture(scope="module")
def results(iris: Dataset) -> StudyResults:
    live = LiveResults(SPEC, iris)
    for event in run_study(SPEC, iris):
        live.apply(event)
    return live.to_document(phase_ended=True)


@pytest.fixture
def row(tmp_path: Path) -> Iterator[StudyRow]:
    database = open_database(f"sqlite:///{tmp_path / 'search.db'}")
    yield Studies(database).create(
        SPEC, directions=["minimize", "minimize"], metric_names=list(SPEC.objectives)
    )
    database.close()


def answer(row: StudyRow, results: StudyResults) -> ResultsOut:
    return ResultsOut.from_stored(row, StoredResults(results=results, version=1))


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Every leaf and empty container of a JSON document."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from paths(inner, f"{at}/{name}")
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from paths(inner, f"{at}/{place}")
    else:
        yield at


def test_a_client_reads_the_same_results_from_the_wire(
    row: StudyRow, results: StudyResults
) -> None:
    wire = answer(row, results).model_dump_json()
    assert ResultsOut.model_validate_json(wire).to_results() == results


def test_nothing_of_a_stored_document_is_lost_on_the_wire(
    row: StudyRow, results: StudyResults
) -> None:
    stored = json.loads(write_document(results))
    assert stored.pop("format_version")
    wire = json.loads(answer(row, results).model_dump_json())
    assert set(paths(stored)) <= set(paths(wire))


def test_an_old_document_is_answered_number_by_number(row: StudyRow) -> None:
    text = FIRST_FORMAT.read_text()
    old = json.loads(text)
    for table in old["interactions"].values():
        table["cells"] = [{"initializer": None, "depth": None, **cell} for cell in table["cells"]]
    wire = json.loads(answer(row, read_document(text)).model_dump_json())
    assert list(missing(old, wire)) == []
    assert wire["best_trial"] == wire["best"] == old["best"]


def test_a_study_that_no_worker_has_begun_has_empty_results(row: StudyRow) -> None:
    wire = json.loads(answer(row, StudyResults()).model_dump_json())
    assert (wire["best"], wire["verdict"]) == (None, None)
    assert (wire["front"], wire["by_activation"], wire["slope_effect"]) == ([], [], [])
    assert (wire["importances"], wire["interactions"]) == ({}, {})


def test_the_results_hold_something_of_everything(results: StudyResults) -> None:
    verdict = results.verdict
    assert results.front
    assert verdict.comparisons
    assert verdict.baseline.params
    assert verdict.test.linear
    assert results.slope_effect[0].initial.curve
    assert results.slope_effect[0].learned.points
    assert results.interactions["activation x depth"].cells
    assert results.by_activation[0].expected_best[5] is not None
    assert results.by_activation[0].n in (4, 6)
    assert verdict.network.differences
    assert results.importances
    assert results.importance_note


def test_openapi_shows_the_parts(tmp_path) -> None:
    schemas = create_app(Settings(data_dir=tmp_path)).openapi()["components"]["schemas"]
    assert {"probability_best", "p_adjusted", "ci_low", "repeats_needed"} <= set(
        schemas["ComparisonOut"]["properties"]
    )
    assert {"expected_best", "learning_rate_spread", "failed_share", "worst"} <= set(
        schemas["ActivationRowOut"]["properties"]
    )
    assert {"sentence", "outcome", "tied_with", "baseline", "network", "test"} <= set(
        schemas["VerdictOut"]["properties"]
    )
    assert {"interactions", "slope_effect", "verdict"} <= set(schemas["ResultsOut"]["properties"])
