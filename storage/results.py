"""The results document of each study: computed by the worker, read as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from search.errors import NotFound
from storage.sql.database import Database
from storage.sql.tables import RESULTS, STUDIES
from storage.sql.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResults:
    """A results document, empty until a worker has stored one, and the study's version."""

    document: dict[str, Any]
    version: int


class Results:
    """The results documents of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, study_id: str) -> StoredResults:
        """Return the latest results; NotFound where there is no such study."""
        query = (
            select(STUDIES.c.version, RESULTS.c.document)
            .outerjoin(RESULTS, RESULTS.c.study_id == STUDIES.c.id)
            .where(STUDIES.c.id == study_id)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("study", study_id)
        return StoredResults(
            document={} if row.document is None else json.loads(row.document),
            version=row.version,
        )

    def version(self, study_id: str) -> int:
        """Return the study's version; one indexed look-up, made for polling."""
        query = select(STUDIES.c.version).where(STUDIES.c.id == study_id)
        with self._database.reading() as connection:
            version: int | None = connection.execute(query).scalar_one_or_none()
        if version is None:
            raise NotFound("study", study_id)
        return version

    def put(self, study_id: str, document: Mapping[str, Any]) -> None:
        """Replace the results of a study, whoever holds it; a worker uses its recorder."""
        with self._database.writing() as connection:
            found = connection.execute(
                update(STUDIES)
                .where(STUDIES.c.id == study_id)
                .values(version=STUDIES.c.version + 1)
                .returning(STUDIES.c.id)
            ).one_or_none()
            if found is None:
                raise NotFound("study", study_id)
            write_results(connection, study_id, document, datetime.now(UTC))


def write_results(
    connection: Connection, study_id: str, document: Mapping[str, Any], now: datetime
) -> None:
    """Store a document within a transaction that bumps the study's version itself."""
    upsert(
        connection,
        RESULTS,
        [{"study_id": study_id, "document": json.dumps(dict(document)), "updated_at": now}],
        key=["study_id"],
        update=["document", "updated_at"],
    )
