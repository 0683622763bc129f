"""A study on PostgreSQL, from POST to verdict by server and worker, has the values of SQLite's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy import create_engine, text

from tests.postgresql import Cluster, cluster, find_program
from tests.service.processes import Server, served, until

CSV = "height,colour,kind\n" + "".join(
    f"{k * k % 11},{('red', 'blue')[k % 2]},{'ab'[k % 3 == 0]}\n" for k in range(60)
)
STUDY: dict[str, Any] = {
    "name": "plants",
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": {"low": 1, "high": 2}},
    "budget": {"trials": 12, "epochs": 6},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}
#: Fields of a trial that are neither times nor ids.
COMPARED = (
    "number", "state", "source", "activation", "params", "values", "metrics", "flags", "error",
    "parameters", "intermediate_values", "curves", "layers", "findings",
)  # fmt: skip


@pytest.fixture(scope="module")
def url(postgresql: Cluster) -> Iterator[str]:
    # Made from an empty database, as a user's is.
    with postgresql.database(template="template0") as url:
        yield url


def timeless(verdict: dict[str, Any]) -> dict[str, Any]:
    """The verdict without the seconds that its trainings took."""
    rows = [
        {name: value for name, value in row.items() if name != "fit_seconds"}
        for row in verdict["comparisons"]
    ]
    return {**verdict, "comparisons": rows}


def outcome(server: Server) -> dict[str, Any]:
    """Upload, search, confirm and extend; return all that a seed determines."""
    dataset = server.client.post(
        "/v1/datasets", files={"file": ("plants.csv", CSV)}, data={"target": "kind"}
    ).json()
    study = server.start(**STUDY, dataset=dataset["id"])
    first = server.finish(study)
    answer = server.client.post(f"/v1/studies/{study}/extend", json={"trials": 3, "repeats": 1})
    assert answer.status_code == 202
    results = server.finish(study)
    trials = [
        server.client.get(f"/v1/studies/{study}/trials/{number}").json() for number in range(15)
    ]
    return {
        "first verdict": timeless(first["verdict"]),
        "verdict": timeless(results["verdict"]),
        "best": {name: results["best"][name] for name in ("number", "params", "values")},
        "importances": results["importances"],
        "trials": [{name: trial[name] for name in COMPARED} for trial in trials],
    }


def test_workers_and_clients_are_told_and_need_not_poll(
    postgresql: Cluster, tmp_path: Path
) -> None:
    with postgresql.database() as url:
        given = {
            **os.environ,
            "ACTIVATION_SEARCH_PROCESSES": "1",
            "ACTIVATION_SEARCH_DATABASE_URL": url,
            "ACTIVATION_SEARCH_QUEUE_POLL_SECONDS": "60",
            "ACTIVATION_SEARCH_WATCH_POLL_SECONDS": "60",
        }
        with served(tmp_path, environment=given) as server:
            until(lambda: listeners(url) == 2, seconds=60)  # the API and the worker
            study = server.start(**{**STUDY, "dataset": "iris"})
            path, statuses, etag, state = f"/v1/studies/{study}/results", [], '"0"', ""
            while state != "completed":
                headers = {"If-None-Match": etag}
                answer = server.client.get(path, params={"wait": 30}, headers=headers)
                statuses.append(answer.status_code)
                assert len(statuses) < 1000
                etag, state = answer.headers["ETag"], answer.json()["state"]
            # None waited in vain, though there was nothing new at first.
            assert set(statuses) == {200}
            assert len(statuses) > 2


def listeners(url: str) -> int:
    """How many connections listen, by what they were asked last."""
    engine = create_engine(url)
    with engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN search_echo'"
        count: int = connection.execute(text(query)).scalar_one()
    engine.dispose()
    return count


def test_a_study_outlives_a_restart_of_the_database(tmp_path: Path, postgresql: Cluster) -> None:
    """Clients get 503 while it is away; what was trained meanwhile is recorded when it is back."""
    initdb = find_program("initdb")
    assert initdb is not None
    body = {**STUDY, "dataset": "iris", "budget": {"trials": 60, "epochs": 8}}
    with ExitStack() as stack:
        database = stack.enter_context(cluster(initdb, keeps_commits=True))
        url = stack.enter_context(database.database())
        one = {**os.environ, "ACTIVATION_SEARCH_PROCESSES": "1"}
        given = {**one, "ACTIVATION_SEARCH_DATABASE_URL": url}
        server = stack.enter_context(served(tmp_path / "a", environment=given))
        worker = server.worker()
        study = server.start(**body)
        until(lambda: len(server.finished_trials(study)) > 3)
        database.stop()
        for path in ("/readyz", f"/v1/studies/{study}", f"/v1/studies/{study}/results?wait=1"):
            answer = server.client.get(path)
            assert answer.status_code == 503, answer.text
            assert "does not answer" in answer.json()["detail"]
        database.start()
        disturbed = {**server.finish(study), "trials": server.finished_trials(study)}
        assert server.worker() == worker  # it waited
        again = server.start(**body)
        expected = {**server.finish(again), "trials": server.finished_trials(again)}
        assert len(disturbed["trials"]) == 60
        for number, trial in expected["trials"].items():
            assert disturbed["trials"][number]["values"] == trial["values"]
        assert timeless(disturbed["verdict"]) == timeless(expected["verdict"])


def test_a_study_on_postgresql_has_the_values_of_sqlite(url: str, tmp_path: Path) -> None:
    one = {**os.environ, "ACTIVATION_SEARCH_PROCESSES": "1"}
    with served(tmp_path / "sqlite", environment=one) as server:
        expected = outcome(server)
    other = {**one, "ACTIVATION_SEARCH_DATABASE_URL": url}
    with served(tmp_path / "postgresql", environment=other) as server:
        assert outcome(server) == expected
    assert not (tmp_path / "postgresql" / "activation-search.db").exists()
    (name,) = optuna.get_all_study_names(url)
    study = optuna.load_study(study_name=name, storage=url)
    assert len(study.trials) == 15
    assert study.best_trial.number == expected["best"]["number"]
