"""Confirmation runs, test scores and the winner's network of each study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from search.study import (
    ConfirmationRun,
    ParamValue,
    Role,
    Stage,
    TestRole,
    TestRun,
    TestsMade,
)
from storage.rows.block_sums import pack_block_sums, unpack_block_sums
from storage.rows.study_rows import require_study
from storage.sql.database import Database
from storage.sql.tables import CONFIRMATIONS, TESTS, WINNERS
from storage.sql.upsert import upsert

_KEY = ("study_id", "configuration", "role", "repeat", "fold")
_UPDATED = [column.name for column in CONFIRMATIONS.c if column.name not in _KEY]
_TEST_ORDER = list(TestRole)


class Confirmations:
    """Confirmation runs and test scores of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self, study_id: str) -> tuple[ConfirmationRun, ...]:
        """Return every recorded run, by repeat and fold; NotFound for an unknown study."""
        with self._database.reading() as connection:
            require_study(connection, study_id)
            return read_confirmations(connection, study_id)

    def tests(self, study_id: str) -> tuple[TestRun, ...]:
        """Return the scores on the test rows, empty before there are any; NotFound as in `runs`."""
        with self._database.reading() as connection:
            require_study(connection, study_id)
            return read_tests(connection, study_id)

    def winner(self, study_id: str) -> bytes | None:
        """Return the winner's model archive, None before there is one; NotFound as in `runs`."""
        query = select(WINNERS.c.content).where(WINNERS.c.study_id == study_id)
        with self._database.reading() as connection:
            require_study(connection, study_id)
            content: bytes | None = connection.execute(query).scalar_one_or_none()
        return content


def write_confirmations(
    connection: Connection, study_id: str, runs: Sequence[ConfirmationRun]
) -> None:
    """Insert or replace `runs` within a transaction."""
    rows = {}
    for run in runs:
        configuration = _configuration(run)
        rows[configuration, run.role, run.repeat, run.fold] = {
            "study_id": study_id,
            "configuration": configuration,
            "role": run.role.value,
            "repeat": run.repeat,
            "fold": run.fold,
            "trial": run.trial,
            "activation": run.activation,
            "params": json.dumps(dict(run.params)),
            "scores": json.dumps(dict(run.scores)),
            "failure": run.failure,
            "train_rows": run.train_rows,
            "validation_rows": run.validation_rows,
            "fit_seconds": run.fit_seconds,
            "arm": run.arm,
            "search": run.search,
            "stage": run.stage.value,
            "verdict": run.verdict,
            "blocks": pack_block_sums(run.blocks),
        }
    upsert(connection, CONFIRMATIONS, list(rows.values()), key=_KEY, update=_UPDATED)


def read_confirmations(connection: Connection, study_id: str) -> tuple[ConfirmationRun, ...]:
    """Return every recorded run of the study, by repeat and fold."""
    table = CONFIRMATIONS.c
    trial = table.trial.nulls_first()  # PostgreSQL would sort them last, SQLite does it first
    query = (
        select(CONFIRMATIONS)
        .where(table.study_id == study_id)
        .order_by(table.repeat, table.fold, table.role.desc(), trial, table.configuration)
    )
    return tuple(_read_confirmation(row) for row in connection.execute(query))


def write_tests(connection: Connection, study_id: str, tests: TestsMade) -> None:
    """Replace the test scores and the winner's model archive within a transaction."""
    for table in (TESTS, WINNERS):
        connection.execute(delete(table).where(table.c.study_id == study_id))
    rows = [
        {
            "study_id": study_id,
            "role": run.role.value,
            "params": json.dumps(dict(run.params)),
            "scores": json.dumps(dict(run.scores)),
            "validation_scores": json.dumps(dict(run.validation_scores)),
            "repeats": run.repeats,
            "test_blocks": pack_block_sums(run.test_blocks),
            "validation_blocks": pack_block_sums(run.validation_blocks),
        }
        for run in tests.runs
    ]
    if rows:
        connection.execute(insert(TESTS), rows)
    if tests.winner is not None:
        connection.execute(insert(WINNERS).values(study_id=study_id, content=tests.winner))


def read_tests(connection: Connection, study_id: str) -> tuple[TestRun, ...]:
    """Return the recorded test scores, in the order of TestRole."""
    rows = connection.execute(select(TESTS).where(TESTS.c.study_id == study_id))
    tests = [
        TestRun(
            role=TestRole(row.role),
            params=_params(row.params),
            scores=json.loads(row.scores),
            validation_scores=json.loads(row.validation_scores),
            repeats=row.repeats,
            test_blocks=unpack_block_sums(row.test_blocks),
            validation_blocks=unpack_block_sums(row.validation_blocks),
        )
        for row in rows
    ]
    return tuple(sorted(tests, key=lambda run: _TEST_ORDER.index(run.role)))


def _read_confirmation(row: Row[Any]) -> ConfirmationRun:
    return ConfirmationRun(
        trial=row.trial,
        activation=row.activation,
        role=Role(row.role),
        params=_params(row.params),
        repeat=row.repeat,
        fold=row.fold,
        scores=json.loads(row.scores),
        failure=row.failure,
        train_rows=row.train_rows,
        validation_rows=row.validation_rows,
        fit_seconds=row.fit_seconds,
        arm=row.arm or row.activation,
        search=row.search,
        stage=Stage(row.stage or Stage.CONFIRM),
        verdict=row.verdict or 0,
        blocks=unpack_block_sums(row.blocks),
    )


def _configuration(run: ConfirmationRun) -> str:
    """Return the hash of configuration, search and stage.

    Without a search, in the stage that all runs had before there were others, it is that of the
    configuration alone, as in rows of revisions before 0010.
    """
    parts: object = dict(run.params)
    if run.search is not None or run.stage is not Stage.CONFIRM:
        parts = [dict(run.params), run.search, run.stage.value]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _params(text: str) -> Mapping[str, ParamValue]:
    params: dict[str, ParamValue] = json.loads(text)
    return params
