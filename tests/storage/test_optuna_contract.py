"""What we write into Optuna's tables is what Optuna would have written itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import text

from search.study import Finding, LayerSnapshot, StudySpec, TrialRecord
from storage import Database, Queue, Recorder, Studies
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import LEASE_S, WORKER
from tests.storage.records import KINDS, PARAMS, changed, make_record

#: Every column that is not a surrogate id, and the type that the database stores it by.
ROWS = {
    "trials": "number, state, datetime_start, datetime_complete",
    "trial_params": "number, param_name, param_value, {typeof}(param_value), distribution_json",
    "trial_values": "number, objective, value, {typeof}(value), value_type",
    "trial_intermediate_values": (
        "number, step, intermediate_value, {typeof}(intermediate_value), intermediate_value_type"
    ),
    "trial_system_attributes": "number, key, value_json",
}


def read_rows(database_or_storage: Any, table: str) -> list[tuple[Any, ...]]:
    engine = database_or_storage.engine
    typeof = "typeof" if engine.dialect.name == "sqlite" else "pg_typeof"
    join = "" if table == "trials" else "JOIN trials USING (trial_id)"
    statement = text(
        f"SELECT {ROWS[table].format(typeof=typeof)} FROM {table} {join} ORDER BY 1, 2"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def local(time: Any) -> Any:
    return None if time is None else time.astimezone().replace(tzinfo=None)


def by_optuna(record: TrialRecord) -> FrozenTrial:
    """Return the trial that a user of Optuna's own API would add."""
    values = record.values
    if record.state is TrialState.PRUNED and record.intermediate_values and values is None:
        values = (record.intermediate_values[max(record.intermediate_values)],)
    trial = create_trial(
        state=record.state,
        values=values,
        params={name: record.params[name] for name in record.distributions},
        distributions=dict(record.distributions),
        intermediate_values=dict(record.intermediate_values),
    )
    trial.datetime_start = local(record.started_at)
    trial.datetime_complete = local(record.finished_at)
    return trial


@pytest.fixture
def peer(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RDBStorage]:
    """Optuna's own storage on a database of its own, of the kind of `url`."""
    if url.startswith("sqlite"):
        yield RDBStorage(f"sqlite:///{tmp_path / 'peer.db'}")
        return
    with request.getfixturevalue("postgresql").database(template="template0") as empty:
        yield RDBStorage(empty)


def load(url: str, study: StudyRow) -> optuna.Study:
    return optuna.load_study(study_name=study.optuna_name, storage=url)


@pytest.mark.parametrize("table", ROWS)
def test_our_rows_equal_the_rows_that_optuna_writes(
    table: str, database: Database, recorder: Recorder, peer: RDBStorage
) -> None:
    recorder.record([changed(*KINDS)])
    study = optuna.create_study(storage=peer)
    for record in KINDS:
        study.add_trial(by_optuna(record))
    ours = database.optuna_storage()
    expected = read_rows(peer, table)
    assert read_rows(ours, table) == expected
    assert expected or table == "trial_system_attributes"
    ours.engine.dispose()
    peer.engine.dispose()


def test_load_study_reads_back_what_was_recorded(
    url: str, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(*KINDS)])
    trials = load(url, running).trials
    assert [trial.number for trial in trials] == [record.number for record in KINDS]
    for trial, record in zip(trials, KINDS, strict=True):
        assert trial.state == record.state
        assert trial.params == {name: record.params[name] for name in record.distributions}
        assert list(trial.params) == list(record.distributions)
        assert trial.distributions == record.distributions
        assert trial.datetime_start == local(record.started_at)
        assert trial.datetime_complete == local(record.finished_at)
        assert repr(trial.intermediate_values) == repr(dict(record.intermediate_values))
        assert {type(value) for value in trial.params.values()} == {
            type(record.params[name]) for name in record.distributions
        }
        trial._validate()


def test_the_study_has_its_name_directions_and_metric_names(url: str, studies: Studies) -> None:
    row = studies.create(
        StudySpec(dataset="wine", name="two aims"),
        directions=["minimize", "maximize"],
        metric_names=["log_loss", "accuracy"],
    )
    study = load(url, row)
    assert study.study_name == f"two aims ({row.id})"
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert study.metric_names == ["log_loss", "accuracy"]
    assert study.user_attrs == {"study_id": row.id, "dataset": "wine"}


def test_two_objectives_are_read_back_with_their_pareto_front(
    url: str, database: Database, studies: Studies, queue: Queue
) -> None:
    row = studies.create(
        StudySpec(dataset="wine"),
        directions=["minimize", "maximize"],
        metric_names=["log_loss", "accuracy"],
    )
    queue.claim(WORKER, LEASE_S)
    records = [
        make_record(number, values=values)
        for number, values in enumerate([(0.3, 0.9), (0.2, 0.8), (0.4, 0.7)])
    ]
    Recorder(database, row.id, WORKER).record([changed(*records)])
    study = load(url, row)
    assert [trial.values for trial in study.trials] == [[0.3, 0.9], [0.2, 0.8], [0.4, 0.7]]
    assert sorted(trial.number for trial in study.best_trials) == [0, 1]


def test_a_trial_pruned_without_value_is_worth_its_last_intermediate_value(
    url: str, running: StudyRow, recorder: Recorder, peer: RDBStorage
) -> None:
    steps = {1: 0.9, 3: 0.6, 2: 0.7}
    recorder.record([changed(make_record(0, TrialState.PRUNED, intermediate_values=steps))])
    theirs = optuna.create_study(storage=peer)
    trial = theirs.ask()
    for step, value in steps.items():
        trial.report(value, step)
    theirs.tell(trial, state=TrialState.PRUNED)
    assert load(url, running).trials[0].values == theirs.trials[0].values == [0.6]
    peer.engine.dispose()


def test_user_attributes_say_in_short_what_the_dashboard_should_show(
    url: str, running: StudyRow, recorder: Recorder
) -> None:
    record = make_record(
        3,
        TrialState.FAIL,
        flags=("diverged", "dead_units"),
        error="the loss became NaN at epoch 3",
        metrics={"accuracy": 0.5, "log_loss": math.nan},
        layers=(
            LayerSnapshot(epoch=0, statistics={"dead_units": (0.0, 0.0)}),
            LayerSnapshot(epoch=3, statistics={"dead_units": (0.123456, math.nan)}),
        ),
        findings=(
            Finding(name="diverged", layer=None, numbers={}, sentence="It broke.", remedy="Stop."),
            Finding(name="dead_units", layer=2, numbers={}, sentence="It died.", remedy="Rest."),
        ),
    )
    recorder.record([changed(record)])
    attributes = load(url, running).trials[0].user_attrs
    assert attributes == {
        "activation": "prelu",
        "source": "sampler",
        "parameters": 1234,
        "accuracy": 0.5,
        "log_loss": "nan",
        "fixed_params": {"optimizer": "adamw", "normalization": "none"},
        "flags": "diverged, dead_units",
        "error": "the loss became NaN at epoch 3",
        "fit_seconds": 1.5,
        "findings": "It broke. It died.",
        "layers": {"dead_units": [0.123, "nan"]},
    }
    json.dumps(attributes, allow_nan=False)


def test_recording_again_replaces_everything_that_was_known(
    url: str, running: StudyRow, recorder: Recorder
) -> None:
    first = make_record(
        0,
        TrialState.RUNNING,
        intermediate_values={1: 0.9, 2: math.nan, 3: 0.7},
        flags=("slow",),
    )
    recorder.record([changed(first)])
    again = make_record(
        0,
        params={**PARAMS, "depth": 5},
        intermediate_values={1: 0.8, 2: math.nan},
        metrics={"accuracy": 0.9},
    )
    recorder.record([changed(again)])
    (trial,) = load(url, running).trials
    assert trial.state == TrialState.COMPLETE
    assert trial.values == [0.5]
    assert trial.params["depth"] == 5
    assert trial.intermediate_values[1] == 0.8
    assert math.isnan(trial.intermediate_values[2])
    assert set(trial.intermediate_values) == {1, 2}
    assert "flags" not in trial.user_attrs
    assert "log_loss" not in trial.user_attrs


def test_a_value_that_was_withdrawn_is_gone(
    url: str, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(make_record(0))])
    recorder.record([changed(make_record(0, TrialState.WAITING))])
    (trial,) = load(url, running).trials
    assert trial.state == TrialState.WAITING
    assert trial.values is None
    assert trial.intermediate_values == {}
    assert trial.params == by_optuna(make_record(0)).params


def test_optuna_can_go_on_with_a_study_of_ours(
    url: str, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(make_record(0), make_record(1, TrialState.RUNNING))])
    study = load(url, running)
    trial = study.ask()
    trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    study.tell(trial, 0.25)
    assert trial.number == 2
    assert study.best_trial.number == 2


def test_optuna_ids_never_come_back(database: Database, studies: Studies, queued: StudyRow) -> None:
    studies.delete(queued.id)
    again = studies.create(
        StudySpec(dataset="iris"), directions=["minimize"], metric_names=["log_loss"]
    )
    assert again.optuna_id > queued.optuna_id


def test_deleting_a_study_leaves_nothing_of_it_in_optunas_tables(
    database: Database, studies: Studies, queue: Queue, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(*KINDS)])
    storage = database.optuna_storage()
    assert len(storage.get_all_trials(running.optuna_id)) == len(KINDS)
    queue.release(running.id, WORKER)
    studies.delete(running.id)
    assert storage.get_all_studies() == []
    for table in ("study_directions", "study_user_attributes", *ROWS):
        with storage.engine.connect() as connection:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    storage.engine.dispose()
