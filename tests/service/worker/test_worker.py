"""A worker takes a study from the queue to its verdict, and further when it is extended."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from fastapi.testclient import TestClient

from search.training.executors import InlineExecutor
from search.training.segment import Segment
from service.settings import Settings
from service.worker.worker import CONTROL_POLL_S, Worker
from storage import Database
from storage.confirmations import Confirmations

T = TypeVar("T")

STUDY: dict[str, Any] = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "depth": [1, 2], "width": [6, 8]},
    "pruner": {"name": "none"},
    "budget": {"trials": 10, "epochs": 2},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def segment_of(arguments: tuple[Any, ...]) -> Segment | None:
    """Return the segment that a call is given; the worker wraps calls to measure them."""
    return next((one for one in arguments if isinstance(one, Segment)), None)


class Counting(InlineExecutor):
    """Counts what is trained without pruning, and may call something first."""

    def __init__(self) -> None:
        self.whole = 0
        self.before: Callable[[], object] = lambda: None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        segment = segment_of(args)
        if segment is not None and segment.evaluate_at == (segment.epochs,):
            self.before()
            self.whole += len(segment.lanes)
        return super().submit(fn, *args, **kwargs)


class StoppingAt(InlineExecutor):
    """Calls `stop` before the segment of that number, from 1."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.stop: Callable[[], object] = lambda: None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        self.left -= 1
        if self.left == 0:
            self.stop()
        return super().submit(fn, *args, **kwargs)


def post(client: TestClient, **fields: Any) -> str:
    answer = client.post("/v1/studies", json={**STUDY, **fields})
    assert answer.status_code == 202, answer.text
    return f"/v1/studies/{answer.json()['id']}"


def work(settings: Settings, database: Database, executor: Counting | None = None) -> None:
    Worker(settings, database, executor or Counting()).run(until_idle=True)


def test_a_study_goes_from_the_queue_to_its_verdict(
    client: TestClient, settings: Settings, database: Database
) -> None:
    here = post(client)
    work(settings, database)
    results = client.get(f"{here}/results").json()
    assert (results["state"], results["phase"]) == ("completed", "test")
    verdict = results["verdict"]
    assert {row["activation"] for row in verdict["comparisons"]} == {"relu", "tanh"}
    assert {row["n"] for row in verdict["comparisons"]} == {4}
    assert verdict["sentence"].endswith(".")
    assert verdict["test"]["winner"]["score"] is not None
    assert verdict["test"]["linear"]["score"] is not None
    progress = results["progress"]
    assert progress["confirmations_finished"] == progress["confirmations_total"] > 0
    recorded = Confirmations(database)
    study_id = here.rsplit("/", 1)[1]
    assert len(recorded.tests(study_id)) == 4
    assert recorded.winner(study_id)


def test_a_study_put_back_in_its_search_ends_as_the_undisturbed(
    client: TestClient, settings: Settings, database: Database
) -> None:
    asked = {
        "budget": {"trials": 24, "epochs": 9},
        "pruner": {"name": "successive_halving"},
        "evaluation": {"folds": 2, "confirm_top": 0},
    }

    def trials_of(study: str) -> list[dict[str, Any]]:
        items = client.get(f"{study}/trials").json()["items"]
        kept = ("number", "state", "params", "values", "source")
        return [{name: trial[name] for name in kept} for trial in items]

    undisturbed = post(client, **asked)
    work(settings, database)
    here = post(client, **asked)
    for segments in (3, 9, 14):
        executor = StoppingAt(segments)
        worker = Worker(settings, database, executor)
        executor.stop = worker.stop
        worker.run(until_idle=True)
        study = client.get(here).json()
        assert (study["state"], study["phase"]) == ("queued", "search")
    work(settings, database)
    assert trials_of(here) == trials_of(undisturbed)
    assert client.get(here).json()["note"] is None


def test_what_finished_before_something_unexpected_is_kept(
    client: TestClient, settings: Settings, database: Database
) -> None:
    class Breaking(Counting):
        def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
            segment = segment_of(args)
            if segment and max(lane.configuration for lane in segment.lanes) >= 18:
                raise ArithmeticError("of all things")
            return super().submit(fn, *args, **kwargs)

    study = post(client, budget={"trials": 40, "epochs": 1})
    work(settings, database, Breaking())
    assert "of all things" in client.get(study).json()["error"]
    trials = client.get(f"{study}/trials").json()["items"]
    # Two batches of three trials had come back when the seventh broke.
    assert sum(trial["state"] == "complete" for trial in trials) == 6


def test_repeats_are_added_and_only_they_are_trained(
    client: TestClient, settings: Settings, database: Database
) -> None:
    here = post(client)
    executor = Counting()
    work(settings, database, executor)
    recorded, study_id = Confirmations(database), here.rsplit("/", 1)[1]
    first = recorded.runs(study_id)
    before = client.get(f"{here}/results").json()
    assert client.post(f"{here}/extend", json={"repeats": 2}).status_code == 202
    assert client.get(f"{here}/results").json()["verdict"] == before["verdict"]
    executor.whole = 0
    work(settings, database, executor)
    results = client.get(f"{here}/results").json()
    assert results["state"] == "completed"
    assert {row["n"] for row in results["verdict"]["comparisons"]} == {8}
    second = recorded.runs(study_id)
    assert second[: len(first)] == first
    assert {run.repeat for run in second[len(first) :]} == {2, 3}
    configurations = len({str(run.params) for run in second})
    refitted = len({str(run.params) for run in recorded.tests(study_id) if run.params})
    # Two new repeats of two folds, and four refits of winner and baseline.
    assert executor.whole == configurations * 4 + refitted * 4
    assert results["progress"]["trials_finished"] == 10


def test_trials_are_added_and_searched_from_the_history(
    client: TestClient, settings: Settings, database: Database
) -> None:
    here = post(client)
    work(settings, database)
    before = client.get(f"{here}/trials").json()["items"]
    client.post(f"{here}/extend", json={"trials": 6})
    work(settings, database)
    after = client.get(f"{here}/trials").json()["items"]
    assert len(after) == 16
    assert after[:10] == before
    results = client.get(f"{here}/results").json()
    assert results["state"] == "completed"
    assert {row["n"] for row in results["verdict"]["comparisons"]} == {4}


def test_a_worker_told_to_stop_in_the_confirmation_puts_the_study_back(
    client: TestClient, settings: Settings, database: Database
) -> None:
    here = post(client)
    executor = Counting()
    worker = Worker(settings, database, executor)
    executor.before = worker.stop
    worker.run(until_idle=True)
    results = client.get(f"{here}/results").json()
    assert (results["state"], results["phase"]) == ("queued", "confirm")
    assert results["verdict"] is None
    assert "too little to say" in results["importance_note"]
    work(settings, database)
    assert client.get(f"{here}/results").json()["verdict"] is not None


def test_a_study_paused_in_the_confirmation_is_resumed_there(
    client: TestClient, settings: Settings, database: Database
) -> None:
    here = post(client)
    executor = Counting()
    seen: list[int] = []

    def pause() -> None:
        if not seen:
            seen.append(client.post(f"{here}/pause").status_code)
            time.sleep(2 * CONTROL_POLL_S)  # the worker looks at requests so often

    executor.before = pause
    work(settings, database, executor)
    paused = client.get(f"{here}/results").json()
    assert seen == [202]
    assert (paused["state"], paused["phase"]) == ("paused", "confirm")
    assert paused["verdict"] is None
    assert client.post(f"{here}/resume").status_code == 202
    work(settings, database)
    assert client.get(f"{here}/results").json()["state"] == "completed"


def test_without_a_confirmation_the_verdict_stays_null(
    client: TestClient, settings: Settings, database: Database
) -> None:
    here = post(client, evaluation={"folds": 2, "confirm_top": 0})
    work(settings, database)
    results = client.get(f"{here}/results").json()
    assert (results["state"], results["phase"], results["verdict"]) == ("completed", "search", None)
    assert results["progress"]["confirmations_total"] == 0
