"""Uploaded datasets: the facts of each and its file, in the database.

The file is a blob in a table of its own, so that workers on several machines need nothing but the
database, and so that listing datasets reads no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from search.errors import Conflict, LimitReached, NotFound
from search.study import StudyState, Task
from storage.sql import ids
from storage.sql.database import Database
from storage.sql.tables import CONTENTS, DATASETS, STUDIES

_LISTS = ("feature_names", "classes", "class_counts", "notes")
#: Studies that a message names at most.
_NAMED = 5
_UNFINISHED = [state.value for state in StudyState if not state.is_finished]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """An uploaded dataset as recorded."""

    id: str
    name: str
    task: Task
    #: Name of the column to predict.
    target: str
    rows: int
    #: Number of columns besides the target, and their names.
    features: int
    feature_names: tuple[str, ...]
    #: Names of the classes; empty for regression.
    classes: tuple[str, ...]
    #: Rows of each class, and a sentence for each change that reading made to the table; both None
    #: where a version recorded the dataset that read them off the file.
    class_counts: tuple[int, ...] | None
    notes: tuple[str, ...] | None
    #: Role of each column that a person gave one, by the column's name.
    roles: Mapping[str, str]
    #: What each column was taken for and how rows are grouped, as the caller wrote it; None where
    #: an older version has recorded the dataset.
    report: Mapping[str, Any] | None
    size_bytes: int
    #: "text/csv" or "application/vnd.apache.parquet".
    content_type: str
    #: SHA-256 of the content, in hexadecimal.
    sha256: str
    created_at: datetime


class Datasets:
    """The uploaded datasets of one database."""

    def __init__(
        self, database: Database, *, most: int | None = None, most_bytes: int | None = None
    ) -> None:
        """With `most` or `most_bytes`, LimitReached is raised where more would be kept."""
        self._database = database
        self._most, self._most_bytes = most, most_bytes

    def add(
        self,
        *,
        name: str,
        task: Task,
        target: str,
        rows: int,
        feature_names: Sequence[str],
        classes: Sequence[str],
        class_counts: Sequence[int],
        notes: Sequence[str],
        content: bytes,
        content_type: str,
        roles: Mapping[str, str] | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> DatasetRow:
        """Record a dataset; equal content, target, task and roles return the one recorded first."""
        row = DatasetRow(
            id=ids.new_id(ids.DATASET),
            name=name,
            task=task,
            target=target,
            rows=rows,
            features=len(feature_names),
            feature_names=tuple(feature_names),
            classes=tuple(classes),
            class_counts=tuple(class_counts),
            notes=tuple(notes),
            roles=dict(roles or {}),
            report=report,
            size_bytes=len(content),
            content_type=content_type,
            sha256=sha256(content).hexdigest(),
            created_at=datetime.now(UTC),
        )
        asked = [row.sha256, target, task, *([sorted(roles.items())] if roles else [])]
        identity = sha256(json.dumps(asked).encode()).hexdigest()
        try:
            with self._database.writing() as connection:
                first = _find(connection, identity)
                if first is not None:
                    return first
                self._check_room(connection, row.size_bytes)
                connection.execute(insert(DATASETS).values(**_write(row), identity=identity))
                connection.execute(insert(CONTENTS).values(dataset_id=row.id, content=content))
                return row
        except IntegrityError:
            # PostgreSQL only: another process has just recorded the same content.
            with self._database.reading() as connection:
                first = _find(connection, identity)
            if first is None:
                raise
            return first

    def _check_room(self, connection: Connection, size: int) -> None:
        """Raise LimitReached where `size` bytes more would be too much."""
        query = select(func.count(), func.coalesce(func.sum(DATASETS.c.size_bytes), 0))
        count, stored = connection.execute(query).one()
        if self._most is not None and count >= self._most:
            raise LimitReached(
                f"{count} uploads are kept, which is the limit; delete some, or raise "
                "ACTIVATION_SEARCH_MAX_DATASETS"
            )
        if self._most_bytes is not None and stored + size > self._most_bytes:
            raise LimitReached(
                f"uploads take {stored / 2**20:.0f} MiB, and {size / 2**20:.1f} more would pass "
                f"the limit of {self._most_bytes / 2**20:.0f}; delete some, or raise "
                "ACTIVATION_SEARCH_MAX_STORED_BYTES"
            )

    def get(self, dataset_id: str) -> DatasetRow:
        """Return the facts of the dataset; NotFound where there is none."""
        with self._database.reading() as connection:
            return _get(connection, dataset_id)

    def list(self) -> tuple[DatasetRow, ...]:
        """Return every dataset, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(DATASETS).order_by(DATASETS.c.sequence.desc())).all()
        return tuple(_read(row) for row in rows)

    def content(self, dataset_id: str) -> bytes:
        """Return the file as it was uploaded; NotFound where there is none."""
        query = select(CONTENTS.c.content).where(CONTENTS.c.dataset_id == dataset_id)
        with self._database.reading() as connection:
            content: bytes | None = connection.execute(query).scalar_one_or_none()
        if content is None:
            raise NotFound("dataset", dataset_id)
        return content

    def delete(self, dataset_id: str) -> None:
        """Remove the dataset; Conflict while studies that are not finished need it."""
        with self._database.writing() as connection:
            _get(connection, dataset_id, for_update=True)
            users = connection.execute(
                select(STUDIES.c.id, STUDIES.c.name)
                .where(STUDIES.c.dataset == dataset_id, STUDIES.c.state.in_(_UNFINISHED))
                .order_by(STUDIES.c.sequence)
            ).all()
            if users:
                named = ", ".join(f"'{user.id}' ({user.name})" for user in users[:_NAMED])
                more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
                raise Conflict(
                    f"dataset '{dataset_id}' is needed by studies that are not finished: {named}"
                    f"{more}; cancel or delete them first"
                )
            connection.execute(delete(DATASETS).where(DATASETS.c.id == dataset_id))


def _get(connection: Connection, dataset_id: str, *, for_update: bool = False) -> DatasetRow:
    query = select(DATASETS).where(DATASETS.c.id == dataset_id)
    row = connection.execute(query.with_for_update() if for_update else query).one_or_none()
    if row is None:
        raise NotFound("dataset", dataset_id)
    return _read(row)


def _find(connection: Connection, identity: str) -> DatasetRow | None:
    row = connection.execute(select(DATASETS).where(DATASETS.c.identity == identity)).one_or_none()
    return None if row is None else _read(row)


def _write(row: DatasetRow) -> dict[str, Any]:
    columns = asdict(row)
    return {
        **columns,
        **{name: json.dumps(columns[name]) for name in _LISTS},
        "roles": json.dumps(columns["roles"]) if row.roles else None,
        "report": None if row.report is None else json.dumps(columns["report"]),
    }


def _read(row: Row[Any]) -> DatasetRow:
    columns = dict(row._mapping)
    del columns["sequence"], columns["identity"]
    texts = {name: columns.pop(name) for name in _LISTS}
    lists = {
        name: None if text is None else tuple(json.loads(text)) for name, text in texts.items()
    }
    roles, report = columns.pop("roles"), columns.pop("report")
    return DatasetRow(
        **{**columns, **lists, "task": Task(columns["task"])},
        roles=json.loads(roles) if roles else {},
        report=json.loads(report) if report else None,
    )
