"""The trial writer writes trials into both schemas, many rows in one statement.

Its cache holds Optuna's ids and the rows of unfinished trials, so that a trial recorded again costs
only its changed rows. The cache mirrors committed rows: `write` returns a WriteResult, and the
caller hands that to `commit_cache` after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from search.study import TrialRecord
from storage.optuna_schema import tables as optuna_tables
from storage.outside_trials import Outside, read_outside, see_more
from storage.rows.optuna_rows import CHILDREN, Rows, check, trial_row
from storage.rows.study_rows import get_study
from storage.rows.trial_rows import read_trial, select_trials, write_space, write_trial
from storage.sql.tables import REQUESTS, SPACES, TRIALS
from storage.sql.upsert import upsert, upsert_plain

#: One entry per table of CHILDREN.
ChildRows: TypeAlias = tuple[Rows, ...]

_NO_ROWS: ChildRows = tuple({} for _ in CHILDREN)
_KEY = ("study_id", "number")
_UPDATED = [column.name for column in TRIALS.c if column.name not in _KEY]

_INSERT_TRIALS = insert(optuna_tables.TRIALS).returning(
    optuna_tables.TRIALS.c.number, optuna_tables.TRIALS.c.trial_id, sort_by_parameter_order=True
)
_UPDATE_TRIALS = update(optuna_tables.TRIALS).where(
    optuna_tables.TRIALS.c.trial_id == bindparam("id")
)
_DELETE_CHILDREN = tuple(
    delete(child.table).where(
        child.table.c.trial_id == bindparam("id"), child.table.c[child.key] == bindparam("row")
    )
    for child in CHILDREN
)
_CLOSE_REQUESTS = (
    update(REQUESTS)
    .where(REQUESTS.c.study_id == bindparam("study"), REQUESTS.c.id == bindparam("request"))
    .values(trial_number=bindparam("by"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """Rows and ids that one `write` added to the database."""

    records: tuple[TrialRecord, ...]
    children: dict[int, ChildRows]
    ids: dict[int, int]
    #: Numbers in Optuna's table, of those that have another one there.
    shifted: dict[int, int]
    spaces: dict[str, int]
    outside: Outside


class TrialWriter:
    """Writes the trials of one study. For one thread at a time."""

    def __init__(self, connection: Connection, study_id: str) -> None:
        self._study_id = study_id
        self._optuna_id = get_study(connection, study_id).optuna_id
        ids = select(TRIALS.c.number, TRIALS.c.trial_id).where(TRIALS.c.study_id == study_id)
        spaces = select(SPACES.c.distributions, SPACES.c.number).where(
            SPACES.c.study_id == study_id
        )
        #: Number -> Optuna's trial id.
        self._ids: dict[int, int] = {row[0]: row[1] for row in connection.execute(ids)}
        theirs = optuna_tables.TRIALS.c
        shifted = (
            select(TRIALS.c.number, theirs.number)
            .join(optuna_tables.TRIALS, theirs.trial_id == TRIALS.c.trial_id)
            .where(TRIALS.c.study_id == study_id, theirs.number != TRIALS.c.number)
        )
        #: Number -> its number in Optuna's table, where others have added trials before it.
        self._shifted: dict[int, int] = {row[0]: row[1] for row in connection.execute(shifted)}
        self._outside = read_outside(connection, study_id, self._optuna_id)
        #: Text of the distributions -> their number in search_spaces.
        self._spaces: dict[str, int] = {row[0]: row[1] for row in connection.execute(spaces)}
        #: Number -> child rows of an unfinished trial.
        self._open_rows: dict[int, ChildRows] = {}

    def write(
        self, connection: Connection, records: Iterable[TrialRecord], version: int, now: datetime
    ) -> WriteResult:
        """Insert or replace `records` within a transaction; the last of equal numbers counts.

        Raises InvalidInput for a record that Optuna could not read back, Conflict where the study
        is gone from Optuna's tables.
        """
        latest = {record.number: record for record in records}
        ordered = tuple(latest[number] for number in sorted(latest))
        for record in ordered:
            check(record)
        children = {r.number: tuple(child.rows(r) for child in CHILDREN) for r in ordered}
        before = self._rows_before(connection, ordered)
        outside = see_more(connection, self._optuna_id, self._outside)
        shifted = {
            record.number: record.number + outside.count
            for record in ordered
            if outside.count and record.number not in self._ids
        }
        ids = self._write_optuna_trials(connection, ordered, now, self._shifted | shifted)
        outside = replace(outside, last_id=max([outside.last_id, *ids.values()]))
        _write_children(connection, ids, before, children)
        texts = {r.number: write_space(r.distributions) for r in ordered}
        spaces = self._write_spaces(connection, list(dict.fromkeys(texts.values())))
        rows = [
            {
                **write_trial(record),
                "study_id": self._study_id,
                "trial_id": ids[record.number],
                "version": version,
                "space": spaces[texts[record.number]],
            }
            for record in ordered
        ]
        upsert(connection, TRIALS, rows, key=_KEY, update=_UPDATED)
        self._close_requests(connection, ordered)
        return WriteResult(
            records=ordered,
            children=children,
            ids=ids,
            shifted=shifted,
            spaces=spaces,
            outside=outside,
        )

    def commit_cache(self, written: WriteResult) -> None:
        """Add rows to the cache once they are committed."""
        self._ids.update(written.ids)
        self._shifted.update(written.shifted)
        self._outside = written.outside
        self._spaces.update(written.spaces)
        for record in written.records:
            if record.state.is_finished():
                self._open_rows.pop(record.number, None)
            else:
                self._open_rows[record.number] = written.children[record.number]

    def _rows_before(
        self, connection: Connection, records: Sequence[TrialRecord]
    ) -> dict[int, ChildRows]:
        cached = self._open_rows
        found = {r.number: cached[r.number] for r in records if r.number in cached}
        uncached = [r.number for r in records if r.number in self._ids and r.number not in found]
        if uncached:
            query = select_trials(self._study_id, whole=False).where(TRIALS.c.number.in_(uncached))
            for row in connection.execute(query):
                record = read_trial(row)
                found[record.number] = tuple(child.rows(record) for child in CHILDREN)
        return found

    def _write_optuna_trials(
        self,
        connection: Connection,
        records: Sequence[TrialRecord],
        now: datetime,
        shifted: Mapping[int, int],
    ) -> dict[int, int]:
        """Return Optuna's id of each record, old or new; `shifted` are its numbers there."""
        ids = {r.number: self._ids[r.number] for r in records if r.number in self._ids}
        # In the order of the numbers: Optuna reads trials back in the order of their ids.
        rows = {
            record.number: {
                **trial_row(record, now),
                "number": shifted.get(record.number, record.number),
            }
            for record in records
        }
        new = [
            {"study_id": self._optuna_id, **row}
            for number, row in rows.items()
            if number not in ids
        ]
        old = [{"id": ids[number], **row} for number, row in rows.items() if number in ids]
        if old:
            connection.execute(_UPDATE_TRIALS, old)
        if new:
            inserted = connection.execute(_INSERT_TRIALS, new)
            unshifted = {there: number for number, there in shifted.items()}
            ids.update((unshifted.get(row.number, row.number), row.trial_id) for row in inserted)
        return ids

    def _write_spaces(self, connection: Connection, texts: Sequence[str]) -> dict[str, int]:
        """Return the number of each text of distributions, old or new."""
        new = [text for text in texts if text not in self._spaces]
        numbers = {text: self._spaces[text] for text in texts if text in self._spaces}
        numbers.update((text, number) for number, text in enumerate(new, len(self._spaces)))
        if new:
            connection.execute(
                insert(SPACES),
                [
                    {
                        "study_id": self._study_id,
                        "number": numbers[text],
                        "distributions": text,
                    }
                    for text in new
                ],
            )
        return numbers

    def _close_requests(self, connection: Connection, records: Sequence[TrialRecord]) -> None:
        rows = [
            {"study": self._study_id, "request": record.request_id, "by": record.number}
            for record in records
            if record.request_id is not None
        ]
        if rows:
            connection.execute(_CLOSE_REQUESTS, rows)


def _write_children(
    connection: Connection,
    ids: dict[int, int],
    before: dict[int, ChildRows],
    after: dict[int, ChildRows],
) -> None:
    """Bring each child table from the rows before to the rows after, by trial number."""
    for position, child in enumerate(CHILDREN):
        gone: list[dict[str, Any]] = []
        written: list[tuple[Any, ...]] = []
        for number, tables in after.items():
            trial_id = ids[number]
            old, new = before.get(number, _NO_ROWS)[position], tables[position]
            gone += [{"id": trial_id, "row": key} for key in old if key not in new]
            written += [(trial_id, key, *row) for key, row in new.items() if old.get(key) != row]
        if gone:
            connection.execute(_DELETE_CHILDREN[position], gone)
        key_columns = ("trial_id", child.key)
        upsert_plain(
            connection,
            child.table,
            key_columns + child.values,
            written,
            key=key_columns,
            update=child.values,
        )
