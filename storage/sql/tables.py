"""Our own tables, beside Optuna's in the same database; every name starts with `search_`.

These are Core tables, no mapped classes: one function for each kind of row returns frozen values.
Text columns whose comment says JSON hold `json.dumps` output, NaN and infinities included, which
the database's own JSON type would refuse. Nothing here refers to Optuna's rows by
foreign key: Optuna's own tools may delete those at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

ID_LENGTH = 40

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; stored naive, since SQLite forgets time zones, and restored here."""

    impl = DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """The class of the values."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to naive UTC; ValueError for a naive datetime, whose time zone is unknown."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value.isoformat()} has no time zone; pass an aware one")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time as aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class FreeText(TypeDecorator[str]):
    """Text that a person or an exception wrote; characters that no database stores are replaced.

    PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Put U+FFFD in the place of NUL, and a question mark in that of a lone surrogate."""
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()


def _study_key(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "study_id",
        String(ID_LENGTH),
        ForeignKey("search_studies.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


STUDIES = Table(
    "search_studies",
    METADATA,
    #: Order of creation, by which the queue and lists are sorted.
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    Column("name", FreeText, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("spec", Text, nullable=False),  # JSON, see spec_json
    Column("directions", Text, nullable=False),  # JSON list
    Column("metric_names", Text, nullable=False),  # JSON list
    Column("state", String(16), nullable=False),
    Column("phase", String(16)),
    Column("error", FreeText),
    Column("note", FreeText),  # NULL also in rows of revisions before 0012
    #: Grows with every change a reader could see; long polling and ETags compare it.
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    #: Since when it waits, or waited last; NULL in rows of revisions before 0008.
    Column("queued_at", UtcDateTime),
    Column("trials_total", Integer, nullable=False),
    Column("trials_finished", Integer, nullable=False),
    Column("trials_pruned", Integer, nullable=False),
    Column("trials_failed", Integer, nullable=False),
    Column("trials_running", Integer, nullable=False),
    Column("trials_per_second", Double),
    Column("seconds_left", Double),
    Column("best_value", Double),
    Column("confirmations_total", Integer, nullable=False),
    Column("confirmations_finished", Integer, nullable=False),
    Column("optuna_id", Integer, nullable=False),
    Column("optuna_name", Text, nullable=False),
    #: A stop requested of a running study, see search.study.Stop.
    Column("stop", String(16)),
    #: When somebody asked to end the search and go on to the confirmation; NULL where nobody did.
    Column("finish_at", UtcDateTime),
    Column("worker_id", Text),
    Column("lease_until", UtcDateTime),
    #: Workers lost in a row without a newly finished training, and trainings finished at the claim.
    Column("crashes", Integer, nullable=False),
    Column("finished_at_claim", Integer, nullable=False),
    #: Name of the key that created the study; NULL without one.
    Column("client", String(100)),
    Index("ix_search_studies_state", "state", "sequence"),
    sqlite_autoincrement=True,
)

TURNS = Table(
    "search_turns",
    METADATA,
    #: Name of a key; empty for all who have none.
    Column("client", String(100), primary_key=True),
    #: Larger than those of all clients whose turn was before.
    Column("turn", Integer, nullable=False),
)

TRIALS = Table(
    "search_trials",
    METADATA,
    _study_key(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("trial_id", Integer, nullable=False),
    #: The study's version when this trial last changed.
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("activation", String(64), nullable=False),
    #: The first objective; NULL until complete.
    Column("value", Double),
    Column("parameters", Integer, nullable=False),
    Column("fit_seconds", Double, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("request_id", String(ID_LENGTH)),
    Column("error", FreeText),
    #: Number of its distributions in search_spaces.
    Column("space", Integer, nullable=False),
    #: The independent search that asked for it; NULL, as 0, in rows of revisions before 0010.
    Column("search", Integer),
    Column("params", Text, nullable=False),  # JSON
    Column("outcome", Text, nullable=False),  # JSON, see trial_rows
    #: The last column, so that a list that does not select it never reads its pages.
    Column("details", LargeBinary, nullable=False),  # see trial_blob
    Index("ix_search_trials_value", "study_id", "value"),
    Index("ix_search_trials_state", "study_id", "state"),
    Index("ix_search_trials_activation", "study_id", "activation"),
    Index("ix_search_trials_version", "study_id", "version"),
)

SPACES = Table(
    "search_spaces",
    METADATA,
    _study_key(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("distributions", Text, nullable=False),  # JSON, see trial_rows
)

CONFIRMATIONS = Table(
    "search_confirmations",
    METADATA,
    _study_key(primary_key=True),
    #: SHA-256 of params, search and stage, equal in every role, repeat and fold.
    Column("configuration", String(64), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("repeat", Integer, primary_key=True, autoincrement=False),
    Column("fold", Integer, primary_key=True, autoincrement=False),
    Column("trial", Integer),
    Column("activation", String(64), nullable=False),
    Column("params", Text, nullable=False),  # JSON
    Column("scores", Text, nullable=False),  # JSON
    Column("failure", FreeText),
    Column("train_rows", Integer, nullable=False),
    Column("validation_rows", Integer, nullable=False),
    Column("fit_seconds", Double, nullable=False),
    #: These are NULL in rows of revisions before 0010; `search` in those of a baseline, too.
    Column("arm", Text),
    Column("search", Integer),
    Column("stage", String(16)),
    Column("verdict", Integer),
    Column("blocks", LargeBinary),  # see rows.block_sums
)

TESTS = Table(
    "search_tests",
    METADATA,
    _study_key(primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("params", Text, nullable=False),  # JSON
    Column("scores", Text, nullable=False),  # JSON
    Column("validation_scores", Text, nullable=False),  # JSON
    Column("repeats", Integer, nullable=False),
    Column("test_blocks", LargeBinary),  # see rows.block_sums
    Column("validation_blocks", LargeBinary),
)

WINNERS = Table(
    "search_winners",
    METADATA,
    _study_key(primary_key=True),
    #: The trained network, see search.networks.model_archive.
    Column("content", LargeBinary, nullable=False),
)

REQUESTS = Table(
    "search_requests",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    _study_key(),
    Column("params", Text, nullable=False),  # JSON
    Column("created_at", UtcDateTime, nullable=False),
    #: Number of the trial with the requested configuration; NULL while the request is open.
    Column("trial_number", Integer),
    Index("ix_search_requests_study", "study_id", "trial_number"),
)

RESULTS = Table(
    "search_results",
    METADATA,
    _study_key(primary_key=True),
    Column("document", Text, nullable=False),  # JSON
    Column("updated_at", UtcDateTime, nullable=False),
)

IDEMPOTENCY = Table(
    "search_idempotency",
    METADATA,
    Column("key", String(255), primary_key=True),
    #: SHA-256 of the request that came with this key.
    Column("fingerprint", String(64), nullable=False),
    _study_key(),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_search_idempotency_study", "study_id"),
)

WORKERS = Table(
    "search_workers",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("beat_at", UtcDateTime, nullable=False),
    Column("segments", Text),  # JSON, see measurements; NULL before the first
)

DATASETS = Table(
    "search_datasets",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    Column("name", FreeText, nullable=False),
    Column("task", String(16), nullable=False),
    Column("target", FreeText, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("features", Integer, nullable=False),
    Column("feature_names", Text, nullable=False),  # JSON list
    Column("classes", Text, nullable=False),  # JSON list
    Column("class_counts", Text),  # JSON list; NULL, as are notes, in rows of revision 0001
    Column("notes", Text),  # JSON list
    Column("roles", Text),  # JSON object, column -> role, as given; NULL where none was
    Column("report", Text),  # JSON object; NULL where an older version recorded it
    Column("size_bytes", Integer, nullable=False),
    Column("content_type", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    #: SHA-256 over content, target and task, so that a repeated upload is one dataset.
    Column("identity", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("identity"),
)

CONTENTS = Table(
    "search_dataset_contents",
    METADATA,
    Column(
        "dataset_id",
        String(ID_LENGTH),
        ForeignKey("search_datasets.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("content", LargeBinary, nullable=False),
)

KEYS = Table(
    "search_keys",
    METADATA,
    #: The public part of the key, by which it is found.
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scope", String(16), nullable=False),
    #: scrypt of the secret part, see storage.keys.
    Column("salt", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    UniqueConstraint("name"),
)
