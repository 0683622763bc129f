"""The results of each study, kept as one JSON document; `StudyResults` on either side.

A document carries the version of its format; one without a version is of the first. A document of
an older format is read as one of the next, step by step; fields that an older program did not write
get their defaults. A verdict stays what it was: only names change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, select, update

from search.errors import NotFound, SearchError
from search.study import StudyResults
from storage.sql.database import Database
from storage.sql.tables import RESULTS, STUDIES
from storage.sql.upsert import upsert

#: The format that `write_document` writes, and the newest that `read_document` reads.
FORMAT_VERSION = 2
_VERSION_KEY = "format_version"
_STUDY_RESULTS = TypeAdapter(StudyResults)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResults:
    """The results of a study, empty until a worker has stored some, and the study's version."""

    results: StudyResults
    version: int


class Results:
    """The results of the studies of one database."""

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
            results=StudyResults() if row.document is None else read_document(row.document),
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

    def put(self, study_id: str, results: StudyResults) -> None:
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
            write_results(connection, study_id, results, datetime.now(UTC))


def write_results(
    connection: Connection, study_id: str, results: StudyResults, now: datetime
) -> None:
    """Store `results` within a transaction that bumps the study's version itself."""
    upsert(
        connection,
        RESULTS,
        [{"study_id": study_id, "document": write_document(results), "updated_at": now}],
        key=["study_id"],
        update=["document", "updated_at"],
    )


def write_document(results: StudyResults) -> str:
    """Return `results` as JSON text of the format FORMAT_VERSION."""
    document = {_VERSION_KEY: FORMAT_VERSION, **_STUDY_RESULTS.dump_python(results)}
    for table in document["interactions"].values():
        # A cell names one of two axes; the format has no key for the other.
        table["cells"] = [
            {name: value for name, value in cell.items() if value is not None}
            for cell in table["cells"]
        ]
    return to_json(document, inf_nan_mode="constants").decode()


def read_document(text: str) -> StudyResults:
    """Return the results that `write_document` of this or an older program wrote.

    SearchError for a format newer than FORMAT_VERSION.
    """
    document = from_json(text)
    version = document.get(_VERSION_KEY, 1)
    if version > FORMAT_VERSION:
        raise SearchError(
            f"the stored results have format version {version}, this program reads up to "
            f"{FORMAT_VERSION}; update it to the version that wrote the database"
        )
    for step in range(version, FORMAT_VERSION):
        _UPGRADES[step](document)
    return _STUDY_RESULTS.validate_python(document)


def _to_second(document: dict[str, Any]) -> None:
    """Turn a document of the first format, in place, into one of the second.

    Verdicts compared activations by their confirmed configurations, not by searches, and the best
    trial was all there was to call best.
    """
    document["best_trial"] = document.get("best")
    for row in (document.get("verdict") or {}).get("comparisons", ()):
        for name in [name for name in row if name.startswith("baseline_")]:
            del row[name]
        row |= {
            "arm": row["activation"],
            "searches": 1,
            "repeats": document["verdict"]["repeats"],
            "tuned": 0,
            "unequal_tuning": False,
            "worse": not row["tied"],
            "equivalent": False,
            **dict.fromkeys(_SECOND_FORMAT_ONLY),
        }
    baseline = (document.get("verdict") or {}).get("baseline")
    if baseline:
        for name in _FIRST_FORMAT_ONLY:
            del baseline[name]


#: What rows of a verdict had no number for, and what the baseline had a number for.
_SECOND_FORMAT_ONLY = (
    "probability_better",
    "probability_equivalent",
    "detectable",
    "searches_needed",
    "rows_needed",
)
_FIRST_FORMAT_ONLY = (
    "difference",
    "difference_low",
    "difference_high",
    "p_value",
    "p_adjusted",
)
#: Format -> what turns a document of it, in place, into one of the next.
_UPGRADES: dict[int, Callable[[dict[str, Any]], None]] = {1: _to_second}
