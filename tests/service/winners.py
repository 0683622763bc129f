"""Studies that have ended with a trained network, without any training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi.testclient import TestClient

from search.driver import run_study
from search.networks.model_archive import load_model_archive
from search.study import StudyEnded, StudyState, TestsMade
from service.stored_datasets import load_dataset
from storage import Database, Datasets, Queue, Recorder
from tests.search.archives import Made
from tests.storage.records import changed, make_record

WORKER = "w1"
SMALL: dict[str, Any] = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "depth": [1, 2], "width": [8, 16]},
    "budget": {"trials": 6, "epochs": 4},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def finished_study(client: TestClient, database: Database, made: Made) -> str:
    """The id of a study whose trial 1 has the configuration of `made`, whose network it keeps."""
    study: str = client.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    assert Queue(database).claim(WORKER, 60.0) is not None
    recorder = Recorder(database, study, WORKER)
    params = load_model_archive(made.blob).params
    best = replace(make_record(1), params=params, distributions={})
    recorder.record([changed(make_record(0)), changed(best)])
    recorder.record([TestsMade(runs=(), winner=made.blob)])
    recorder.record([StudyEnded(state=StudyState.COMPLETED)])
    return study


def trained_study(client: TestClient, database: Database, **changes: Any) -> str:
    """The id of a small study that was run to its end in this process."""
    posted = client.post("/v1/studies", json={**SMALL, **changes})
    assert posted.status_code == 202, posted.text
    claim = Queue(database).claim(WORKER, 60.0)
    assert claim is not None
    study = posted.json()["id"]
    recorder = Recorder(database, study, WORKER)
    spec = client.app.state.services.studies.get(study).spec  # type: ignore[attr-defined]
    recorder.record(list(run_study(spec, load_dataset(spec, Datasets(database)))))
    return str(study)
