"""Other programs in the same file: trials added and a study deleted through plain Optuna."""

from __future__ import annotations

from collections.abc import Iterator

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

from search.errors import Conflict
from search.study import OutsideTrial, StudyState
from storage import Database, Queue, Recorder, Studies, Trials
from storage.integrity import find_faults
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import WORKER
from tests.storage.records import changed, make_record


@pytest.fixture
def outsider(database: Database) -> Iterator[RDBStorage]:
    storage = database.optuna_storage()
    yield storage
    storage.engine.dispose()


def add(outsider: RDBStorage, row: StudyRow, value: float) -> None:
    study = optuna.load_study(study_name=row.optuna_name, storage=outsider)
    own = {"params": {"own": 0.5}, "distributions": {"own": FloatDistribution(0, 1)}}
    study.add_trial(create_trial(value=value, **own))


def numbers(outsider: RDBStorage, row: StudyRow) -> list[int]:
    study = optuna.load_study(study_name=row.optuna_name, storage=outsider)
    return [trial.number for trial in study.get_trials()]


def test_ours_are_numbered_past_the_trials_of_others(
    database: Database, running: StudyRow, recorder: Recorder, outsider: RDBStorage
) -> None:
    recorder.record([changed(make_record(0), make_record(1, TrialState.RUNNING, values=None))])
    add(outsider, running, 0.25)
    recorder.record([changed(make_record(1), make_record(2), make_record(3))])
    add(outsider, running, 0.125)
    recorder.record([changed(make_record(4, TrialState.RUNNING, values=None))])
    # As the next worker finds it.
    again = Recorder(database, running.id, WORKER)
    again.record([changed(make_record(4), make_record(5))])
    assert numbers(outsider, running) == list(range(8))
    ours = Trials(database).list(running.id, limit=100).items
    assert [trial.number for trial in ours] == list(range(6))
    assert {trial.state for trial in ours} == {TrialState.COMPLETE}
    (fault,) = (f for f in find_faults(database) if "finished trials" not in str(f))
    assert "Optuna has 2 trials" in str(fault)


def test_those_that_were_there_before_the_first_of_ours_count_too(
    running: StudyRow, recorder: Recorder, outsider: RDBStorage
) -> None:
    for value in (1.0, 2.0, 3.0):
        add(outsider, running, value)
    recorder.record([changed(make_record(0), make_record(1))])
    assert numbers(outsider, running) == list(range(5))


def test_a_study_deleted_through_optuna_says_so_and_ends(
    database: Database,
    running: StudyRow,
    recorder: Recorder,
    outsider: RDBStorage,
    queue: Queue,
    studies: Studies,
) -> None:
    recorder.record([changed(make_record(0), make_record(1, TrialState.RUNNING, values=None))])
    optuna.delete_study(study_name=running.optuna_name, storage=outsider)
    for events in ([changed(make_record(1))], [changed(make_record(2))]):
        with pytest.raises(Conflict, match=r"deleted from Optuna's tables.*create the study again"):
            recorder.record(events)
    queue.finish(running.id, WORKER, StudyState.FAILED, "deleted")
    row = studies.get(running.id)
    assert (row.state, row.error) == (StudyState.FAILED, "deleted")
    assert queue.claim("worker-b", 60) is None


def test_complete_ones_are_counted_when_a_study_is_extended_and_read_back(
    running: StudyRow, recorder: Recorder, outsider: RDBStorage, queue: Queue, studies: Studies
) -> None:
    study = optuna.load_study(study_name=running.optuna_name, storage=outsider)
    distributions: dict[str, BaseDistribution] = {
        "activation": CategoricalDistribution(("relu", "tanh")),
        "learning_rate": FloatDistribution(1e-4, 1.0, log=True),
        "depth": IntDistribution(1, 4),
    }
    params = {"activation": "tanh", "learning_rate": 0.001, "depth": 3}
    study.add_trial(create_trial(value=0.25, params=params, distributions=distributions))
    study.add_trial(create_trial(state=TrialState.FAIL, params=params, distributions=distributions))
    recorder.record([changed(make_record(0))])
    study.add_trial(create_trial(value=float("inf"), params={}, distributions={}))
    queue.finish(running.id, WORKER, StudyState.COMPLETED)
    spec = studies.extend(running.id, lambda row: row.spec).spec
    assert (spec.history, spec.outside) == (1, 2)
    study.add_trial(create_trial(value=7.0, params={}, distributions={}))
    assert recorder.outside_trials(spec.outside) == (
        OutsideTrial(params=params, values=(0.25,)),
        OutsideTrial(params={}, values=(float("inf"),)),
    )
    assert recorder.outside_trials(0) == ()
