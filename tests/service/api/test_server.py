"""Studies over HTTP on the real server: every task, crashes, pauses, stops, other readers."""

from __future__ import annotations

import signal
from pathlib import Path

import optuna
import pytest

from tests.service.processes import Server, served, until

SMALL = {
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": {"low": 1, "high": 2}},
    "budget": {"trials": 12, "epochs": 6},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}
#: Long enough to be caught in the middle; no confirmation, so that its end is the search's.
LONG = {
    **SMALL,
    "budget": {"trials": 60, "epochs": 300},
    "evaluation": {"folds": 2, "confirm_top": 0},
    "pruner": {"name": "none"},
}

#: Will not end on its own while a test looks at it; to be cancelled.
ENDLESS = {**LONG, "budget": {"trials": 5000, "epochs": 60}}


@pytest.mark.parametrize("dataset", ["iris", "diabetes", "breast_cancer"])
def test_a_study_of_every_task_finishes(server: Server, dataset: str) -> None:
    results = server.finish(server.start(dataset=dataset, **SMALL))
    assert {row["activation"] for row in results["by_activation"]} == {"relu", "tanh"}
    assert sum(row["trials"] for row in results["by_activation"]) == 12
    assert results["best"]["params"]["width"] == 16


def test_an_upload_is_searched_and_plain_optuna_reads_it(tmp_path: Path) -> None:
    rows = "\n".join(f"{i * 37 % 101},{i * 53 % 97},{'yes' if i % 3 else 'no'}" for i in range(90))
    with served(tmp_path) as server:
        dataset = server.client.post(
            "/v1/datasets", files={"file": ("t.csv", f"a,b,c\n{rows}")}, data={"target": "c"}
        ).json()
        results = server.finish(server.start(dataset=dataset["id"], **SMALL))
    study = plain_optuna(tmp_path)
    assert len(study.trials) == 12
    assert study.best_trial.number == results["best_trial"]["number"]
    assert study.best_value == pytest.approx(results["best_trial"]["values"][0])


def test_plain_optuna_sees_trials_while_they_run(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        study_id = server.start(dataset="iris", **ENDLESS)
        until(lambda: len(server.finished_trials(study_id)) >= 5)
        trials = plain_optuna(tmp_path).trials
        server.client.post(f"/v1/studies/{study_id}/cancel")
        until(lambda: server.look(study_id)["state"] == "cancelled")
    states = {trial.state for trial in trials}
    assert {optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.COMPLETE} <= states


def test_killing_the_worker_loses_no_finished_trial(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        study_id = server.start(dataset="iris", **LONG)
        until(lambda: len(server.finished_trials(study_id)) >= 10)
        before = server.finished_trials(study_id)
        server.worker().kill()
        assert server.look(study_id)["state"] == "running"
        server.finish(study_id)
        after = server.finished_trials(study_id)
    assert sorted(after) == list(range(60))
    assert {number: after[number] for number in before} == before


def test_a_worker_that_is_stopped_is_replaced_and_loses_no_finished_trial(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        study_id = server.start(dataset="iris", **LONG)
        until(lambda: len(server.finished_trials(study_id)) >= 10)
        before = server.finished_trials(study_id)
        stopped = server.worker()
        stopped.send_signal(signal.SIGSTOP)
        server.finish(study_id)
        after = server.finished_trials(study_id)
        assert server.worker() != stopped
    assert sorted(after) == list(range(60))
    assert {number: after[number] for number in before} == before


def test_killing_everything_and_serving_again_goes_on_with_the_study(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        study_id = server.start(dataset="iris", **LONG)
        until(lambda: len(server.finished_trials(study_id)) >= 10)
        before = server.finished_trials(study_id)
        server.kill()
    with served(tmp_path) as server:
        server.finish(study_id)
        after = server.finished_trials(study_id)
    assert sorted(after) == list(range(60))
    assert {number: after[number] for number in before} == before


def test_pausing_and_resuming_keeps_finished_trials(server: Server) -> None:
    study_id = server.start(dataset="iris", **LONG)
    until(lambda: len(server.finished_trials(study_id)) >= 10)
    assert server.client.post(f"/v1/studies/{study_id}/pause").status_code == 202
    until(lambda: server.look(study_id)["state"] == "paused")
    before = server.finished_trials(study_id)
    assert server.client.post(f"/v1/studies/{study_id}/resume").status_code == 202
    server.finish(study_id)
    after = server.finished_trials(study_id)
    assert len(after) == 60
    assert {number: after[number] for number in before} == before


def test_cancelling_a_running_study_keeps_what_it_found(server: Server) -> None:
    study_id = server.start(dataset="iris", **ENDLESS)
    until(lambda: len(server.finished_trials(study_id)) >= 10)
    assert server.client.delete(f"/v1/studies/{study_id}").status_code == 409
    assert server.client.post(f"/v1/studies/{study_id}/cancel").status_code == 202
    until(lambda: server.look(study_id)["state"] == "cancelled")
    results = server.client.get(f"/v1/studies/{study_id}/results").json()
    assert results["best"] is not None
    assert 10 <= results["progress"]["trials_finished"] < results["progress"]["trials_total"]


def test_studies_are_queued_while_the_worker_is_busy(server: Server) -> None:
    running = server.start(dataset="breast_cancer", **ENDLESS)
    until(lambda: len(server.finished_trials(running)) >= 1)
    queued = [server.start(dataset="iris", **SMALL) for _ in range(3)]
    assert [server.look(study_id)["state"] for study_id in queued] == ["queued"] * 3
    assert server.look(running)["state"] == "running"
    for study_id in (*queued, running):
        server.client.post(f"/v1/studies/{study_id}/cancel")
    until(lambda: server.look(running)["state"] == "cancelled")


def plain_optuna(data_dir: Path) -> optuna.Study:
    """The only study of a data directory, as someone with Optuna alone loads it."""
    storage = f"sqlite:///{data_dir / 'activation-search.db'}"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)
