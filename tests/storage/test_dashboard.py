"""The dashboard polls the same file while a worker writes to it; neither notices the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna_dashboard
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from search.study import Progress, ProgressMade
from storage import Database, Recorder, Studies
from storage.rows.study_rows import StudyRow
from tests.storage.records import KINDS, changed, make_record

ROUNDS = 30


@pytest.fixture
def storage(database: Database) -> Iterator[RDBStorage]:
    storage = database.optuna_storage()
    yield storage
    storage.engine.dispose()


def get(app: Any, path: str) -> Any:
    """Return the JSON that the WSGI application answers; it must be what a browser can read."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ.update(PATH_INFO=path, REQUEST_METHOD="GET", QUERY_STRING="")
    environ["wsgi.errors"] = errors = BytesIO()
    status = []
    body = b"".join(app(environ, lambda line, headers, *_: status.append(line)))
    assert status == ["200 OK"], (status, errors.getvalue())

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(body, parse_constant=refuse)


def test_the_dashboard_shows_every_kind_of_trial(
    storage: RDBStorage, running: StudyRow, recorder: Recorder
) -> None:
    recorder.record([changed(*KINDS)])
    app = optuna_dashboard.wsgi(storage)
    (summary,) = get(app, "/api/studies")["study_summaries"]
    assert summary["study_name"] == running.optuna_name
    detail = get(app, f"/api/studies/{running.optuna_id}")
    assert [trial["number"] for trial in detail["trials"]] == [kind.number for kind in KINDS]
    states = [trial["state"] for trial in detail["trials"]]
    assert [state.upper() for state in states] == [kind.state.name for kind in KINDS]


def test_polling_while_a_worker_writes_never_fails(
    storage: RDBStorage, running: StudyRow, recorder: Recorder, studies: Studies
) -> None:
    app = optuna_dashboard.wsgi(storage)
    stop = threading.Event()
    polls: list[int] = []
    failures: list[BaseException] = []

    def poll() -> None:
        while not stop.is_set():
            try:
                get(app, "/api/studies")
                polls.append(len(storage.get_all_trials(running.optuna_id)))
                studies.get(running.id)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    for batch in range(ROUNDS):
        numbers = range(10 * batch, 10 * batch + 10)
        recorder.record([changed(*(make_record(n, TrialState.RUNNING) for n in numbers))])
        progress = Progress(trials_total=10 * ROUNDS, trials_finished=10 * batch + 10)
        recorder.record(
            [changed(*(make_record(n) for n in numbers)), ProgressMade(progress=progress)]
        )
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert polls
    assert len(storage.get_all_trials(running.optuna_id)) == 10 * ROUNDS
