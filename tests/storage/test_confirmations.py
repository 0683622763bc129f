"""Confirmation runs, test scores and the winner are kept as they were made."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from search.errors import LeaseLost, NotFound
from search.study import (
    BlockSums,
    ConfirmationRun,
    ConfirmationsMade,
    Phase,
    PhaseStarted,
    Role,
    Stage,
    StudyEnded,
    StudyState,
    TestRole,
    TestRun,
    TestsMade,
)
from storage import Database, Queue, Recorder, Studies
from storage.confirmations import Confirmations
from storage.queue import MAX_CRASHES
from storage.rows.study_rows import StudyRow
from tests.storage.conftest import WORKER
from tests.storage.records import PARAMS


def run(repeat: int = 0, fold: int = 0, **changes: object) -> ConfirmationRun:
    made = ConfirmationRun(
        trial=3,
        activation="prelu",
        role=Role.CANDIDATE,
        params=PARAMS,
        repeat=repeat,
        fold=fold,
        scores={"log_loss": 0.1 + repeat, "accuracy": 0.30000000000000004},
        failure=None,
        train_rows=100,
        validation_rows=50,
        fit_seconds=0.25,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the fields it names


RUNS = (
    run(0, 0),
    run(0, 0, role=Role.BASELINE),
    run(0, 1, trial=None),
    run(1, 0, scores={}, failure="the loss was not finite"),
    run(1, 1, scores={"log_loss": inf}, params={**PARAMS, "gradient_clip": 1.0}),
    run(2, 0, trial=None, params={**PARAMS, "depth": 1}),
    run(2, 0),
    run(
        3,
        0,
        search=1,
        stage=Stage.RACE,
        arm="1-2",
        verdict=2,
        blocks=BlockSums(sums=(0.25, 0.0, 7.5), rows=(1, 0, 70000)),
    ),
)
WINNER = TestRun(
    role=TestRole.WINNER,
    params=PARAMS,
    scores={"log_loss": 0.2},
    validation_scores={"log_loss": 0.125},
    repeats=5,
    test_blocks=BlockSums(sums=(0.5, 2.0), rows=(1, 3)),
    validation_blocks=BlockSums(sums=(2.0**900, 2.0**899), rows=(4, 0)),
)
TRIVIAL = TestRun(
    role=TestRole.TRIVIAL, params={}, scores={}, validation_scores={"log_loss": 1.5}, repeats=0
)


@pytest.fixture
def recorded(database: Database) -> Confirmations:
    return Confirmations(database)


def test_runs_are_read_as_they_were_recorded(
    recorder: Recorder, recorded: Confirmations, running: StudyRow
) -> None:
    recorder.record([ConfirmationsMade(runs=RUNS[3:]), ConfirmationsMade(runs=RUNS[:3])])
    assert recorder.confirmations() == RUNS
    assert recorded.runs(running.id) == RUNS


def test_one_configuration_in_two_searches_or_stages_is_recorded_apart(recorder: Recorder) -> None:
    runs = (
        run(0, 0, search=0),
        run(0, 0, search=1),
        run(0, 0, search=0, stage=Stage.RACE),
        run(0, 0),
    )
    recorder.record([ConfirmationsMade(runs=runs)])
    assert set(map(repr, recorder.confirmations())) == set(map(repr, runs))


def test_scores_that_are_no_numbers_survive(recorder: Recorder) -> None:
    recorder.record([ConfirmationsMade(runs=(run(scores={"log_loss": nan, "r2": -inf}),))])
    (read,) = recorder.confirmations()
    assert repr(dict(read.scores)) == repr({"log_loss": nan, "r2": -inf})


def test_a_run_recorded_again_replaces_itself_only(recorder: Recorder) -> None:
    recorder.record([ConfirmationsMade(runs=RUNS)])
    recorder.record([ConfirmationsMade(runs=(replace(RUNS[0], fit_seconds=9.0),))])
    assert recorder.confirmations() == (replace(RUNS[0], fit_seconds=9.0), *RUNS[1:])


def test_what_the_test_rows_say_replaces_what_was_known(
    recorder: Recorder, recorded: Confirmations, running: StudyRow
) -> None:
    recorder.record([TestsMade(runs=(TRIVIAL, WINNER), winner=b"weights")])
    assert recorded.tests(running.id) == (WINNER, TRIVIAL)
    assert recorded.winner(running.id) == b"weights"
    recorder.record([TestsMade(runs=(TRIVIAL,))])
    assert recorded.tests(running.id) == (TRIVIAL,)
    assert recorded.winner(running.id) is None


def test_of_two_tests_in_one_batch_the_last_counts(
    recorder: Recorder, recorded: Confirmations, running: StudyRow
) -> None:
    recorder.record([TestsMade(runs=(WINNER,)), TestsMade(runs=(TRIVIAL,))])
    assert recorded.tests(running.id) == (TRIVIAL,)


def test_nothing_is_written_without_the_lease(
    recorder: Recorder, recorded: Confirmations, queue: Queue, running: StudyRow
) -> None:
    queue.release(running.id, WORKER)
    with pytest.raises(LeaseLost):
        recorder.record([ConfirmationsMade(runs=RUNS), TestsMade(runs=(WINNER,), winner=b"w")])
    assert recorded.runs(running.id) == ()
    assert recorded.tests(running.id) == ()


def test_confirmations_are_deleted_with_their_study(
    recorder: Recorder,
    recorded: Confirmations,
    studies: Studies,
    running: StudyRow,
    database: Database,
) -> None:
    recorder.record(
        [
            ConfirmationsMade(runs=RUNS),
            TestsMade(runs=(WINNER,), winner=b"weights"),
            StudyEnded(state=StudyState.COMPLETED),
        ]
    )
    studies.delete(running.id)
    for read in (recorded.runs, recorded.tests, recorded.winner):
        with pytest.raises(NotFound, match=running.id):
            read(running.id)
    with database.reading() as connection:
        for table in ("search_confirmations", "search_tests", "search_winners"):
            assert connection.exec_driver_sql(f"SELECT * FROM {table}").all() == []


def test_a_confirmation_that_makes_progress_is_not_given_up(
    queue: Queue, studies: Studies, queued: StudyRow, database: Database
) -> None:
    for repeat in range(MAX_CRASHES + 2):
        assert queue.claim(WORKER, -1.0) is not None
        recorder = Recorder(database, queued.id, WORKER)
        recorder.record([PhaseStarted(phase=Phase.CONFIRM), ConfirmationsMade(runs=(run(repeat),))])
    assert studies.get(queued.id).state is StudyState.RUNNING
    for _ in range(MAX_CRASHES - 1):
        assert queue.claim(WORKER, -1.0) is not None
    assert queue.claim(WORKER, -1.0) is None
    assert studies.get(queued.id).state is StudyState.FAILED
