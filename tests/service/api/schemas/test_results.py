"""The schemas of the results say everything that the document says, and OpenAPI shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from search.analysis.live_results import LiveResults
from search.data.datasets import load_builtin
from search.driver import run_study
from search.study import Budget, Choices, Evaluation, PrunerSpec, Range, StudySpec
from service.api.app import create_app
from service.api.schemas.results import ResultsOut
from service.settings import Settings

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "prelu")),
        "depth": Range(low=1, high=2),
        "width": Choices(values=(8,)),
    },
    pruner=PrunerSpec(name="none"),
    budget=Budget(trials=20, epochs=3),
    evaluation=Evaluation(folds=2, confirm_top=2, confirm_repeats=3),
    objectives=("log_loss", "parameters"),
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    iris = load_builtin("iris")
    summary = LiveResults(SPEC, iris)
    for event in run_study(SPEC, iris):
        summary.take(event)
    made: dict[str, Any] = json.loads(json.dumps(summary.document(phase_ended=True)))
    return made


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


def test_nothing_of_the_document_is_lost_on_the_wire(document: dict[str, Any]) -> None:
    assert set(document) <= set(ResultsOut.model_fields)
    for name, part in document.items():
        schema = TypeAdapter(ResultsOut.model_fields[name].annotation)
        shown = json.loads(schema.dump_json(schema.validate_python(part)))
        assert set(paths(part)) <= set(paths(shown))


def test_the_document_holds_something_of_everything(document: dict[str, Any]) -> None:
    assert document["front"]
    assert document["verdict"]["comparisons"]
    assert document["verdict"]["baseline"]["params"]
    assert document["verdict"]["test"]["linear"]
    assert document["slope_effect"][0]["initial"]["curve"]
    assert document["slope_effect"][0]["learned"]["points"]
    assert document["interactions"]["activation x depth"]["cells"]
    assert document["by_activation"][0]["expected_best"]["5"] is not None
    assert document["by_activation"][0]["n"] == 6


def test_openapi_shows_the_evidence(tmp_path) -> None:
    schemas = create_app(Settings(data_dir=tmp_path)).openapi()["components"]["schemas"]
    assert {"probability_best", "p_adjusted", "ci_low", "repeats_needed"} <= set(
        schemas["ComparisonOut"]["properties"]
    )
    assert {"expected_best", "learning_rate_spread", "failed_share", "worst"} <= set(
        schemas["ActivationRowOut"]["properties"]
    )
    assert {"sentence", "outcome", "tied_with", "baseline", "test"} <= set(
        schemas["VerdictOut"]["properties"]
    )
    assert {"interactions", "slope_effect", "verdict"} <= set(schemas["ResultsOut"]["properties"])
