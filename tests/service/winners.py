"""Studies that have ended with a trained network, without any training."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient

from search.networks.model_archive import load_model_archive
from search.study import StudyEnded, StudyState, TestsMade
from storage import Database, Queue, Recorder
from tests.search.archives import Made
from tests.storage.records import changed, make_record

WORKER = "w1"


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
