"""What other processes do in the tests; at module level, so that 'spawn' can import it."""

from __future__ import annotations

import time
from dataclasses import replace
from multiprocessing.synchronize import Event
from threading import Barrier

from optuna.trial import TrialState

from storage import Queue, Recorder, open_database
from tests.storage.records import changed, make_record

BATCH = 20


def open_at_once(url: str, barrier: Barrier) -> bool:
    """Open the database at the same moment as the others."""
    barrier.wait()
    database = open_database(url)
    answers = database.ping()
    database.close()
    return answers


def claim_all(url: str, worker_id: str, barrier: Barrier) -> list[str]:
    """Claim studies until none is left, beginning together with the others."""
    database = open_database(url)
    queue = Queue(database)
    barrier.wait()
    claimed = []
    while (row := queue.claim(worker_id, 600)) is not None:
        claimed.append(row.id)
        time.sleep(0.01)  # the others' turn: a worker has a study to run now
    database.close()
    return claimed


def record_forever(url: str, study_id: str, worker_id: str, started: Event) -> None:
    """Record batches of trials, each first running and then complete, until killed."""
    database = open_database(url)
    recorder = Recorder(database, study_id, worker_id)
    start = 0
    while True:
        numbers = range(start, start + BATCH)
        recorder.record([changed(*(make_record(n, TrialState.RUNNING) for n in numbers))])
        recorder.record([changed(*(replace(make_record(n), fit_seconds=2.0) for n in numbers))])
        start += BATCH
        started.set()


def claim_one(url: str, worker_id: str, barrier: Barrier) -> str:
    """Claim a study at the same moment as the others do."""
    database = open_database(url)
    barrier.wait()
    row = Queue(database).claim(worker_id, 600)
    database.close()
    assert row is not None
    return row.id
