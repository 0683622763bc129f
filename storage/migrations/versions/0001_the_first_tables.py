"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "search_datasets",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("task", sa.String(length=16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("features", sa.Integer(), nullable=False),
        sa.Column("feature_names", sa.Text(), nullable=False),
        sa.Column("classes", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_search_datasets")),
        sa.UniqueConstraint("id", name=op.f("uq_search_datasets_id")),
        sa.UniqueConstraint("identity", name=op.f("uq_search_datasets_identity")),
    )
    op.create_table(
        "search_studies",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("directions", sa.Text(), nullable=False),
        sa.Column("metric_names", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("trials_total", sa.Integer(), nullable=False),
        sa.Column("trials_finished", sa.Integer(), nullable=False),
        sa.Column("trials_pruned", sa.Integer(), nullable=False),
        sa.Column("trials_failed", sa.Integer(), nullable=False),
        sa.Column("trials_running", sa.Integer(), nullable=False),
        sa.Column("trials_per_second", sa.Double(), nullable=True),
        sa.Column("seconds_left", sa.Double(), nullable=True),
        sa.Column("best_value", sa.Double(), nullable=True),
        sa.Column("confirmations_total", sa.Integer(), nullable=False),
        sa.Column("confirmations_finished", sa.Integer(), nullable=False),
        sa.Column("optuna_id", sa.Integer(), nullable=False),
        sa.Column("optuna_name", sa.Text(), nullable=False),
        sa.Column("stop", sa.String(length=16), nullable=True),
        sa.Column("worker_id", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("finished_at_claim", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_search_studies")),
        sa.UniqueConstraint("id", name=op.f("uq_search_studies_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("search_studies", schema=None) as batch_op:
        batch_op.create_index("ix_search_studies_state", ["state", "sequence"], unique=False)

    op.create_table(
        "search_workers",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("beat_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_workers")),
    )
    op.create_table(
        "search_confirmations",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("configuration", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("repeat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fold", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("trial", sa.Integer(), nullable=True),
        sa.Column("activation", sa.String(length=64), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("train_rows", sa.Integer(), nullable=False),
        sa.Column("validation_rows", sa.Integer(), nullable=False),
        sa.Column("fit_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_confirmations_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "study_id",
            "configuration",
            "role",
            "repeat",
            "fold",
            name=op.f("pk_search_confirmations"),
        ),
    )
    op.create_table(
        "search_dataset_contents",
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["search_datasets.id"],
            name=op.f("fk_search_dataset_contents_dataset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", name=op.f("pk_search_dataset_contents")),
    )
    op.create_table(
        "search_idempotency",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_idempotency_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_search_idempotency")),
    )
    with op.batch_alter_table("search_idempotency", schema=None) as batch_op:
        batch_op.create_index("ix_search_idempotency_study", ["study_id"], unique=False)

    op.create_table(
        "search_requests",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("trial_number", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_requests_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_search_requests")),
        sa.UniqueConstraint("id", name=op.f("uq_search_requests_id")),
    )
    with op.batch_alter_table("search_requests", schema=None) as batch_op:
        batch_op.create_index(
            "ix_search_requests_study", ["study_id", "trial_number"], unique=False
        )

    op.create_table(
        "search_results",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_results_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_search_results")),
    )
    op.create_table(
        "search_spaces",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("distributions", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_spaces_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", "number", name=op.f("pk_search_spaces")),
    )
    op.create_table(
        "search_tests",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("validation_scores", sa.Text(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_tests_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", "role", name=op.f("pk_search_tests")),
    )
    op.create_table(
        "search_winners",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_winners_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_search_winners")),
    )
    op.create_table(
        "search_trials",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("activation", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("parameters", sa.Integer(), nullable=False),
        sa.Column("fit_seconds", sa.Double(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("space", sa.Integer(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["search_studies.id"],
            name=op.f("fk_search_trials_study_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", "number", name=op.f("pk_search_trials")),
    )
    with op.batch_alter_table("search_trials", schema=None) as batch_op:
        batch_op.create_index(
            "ix_search_trials_activation", ["study_id", "activation"], unique=False
        )
        batch_op.create_index("ix_search_trials_state", ["study_id", "state"], unique=False)
        batch_op.create_index("ix_search_trials_value", ["study_id", "value"], unique=False)
        batch_op.create_index("ix_search_trials_version", ["study_id", "version"], unique=False)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("search_trials", schema=None) as batch_op:
        batch_op.drop_index("ix_search_trials_version")
        batch_op.drop_index("ix_search_trials_value")
        batch_op.drop_index("ix_search_trials_state")
        batch_op.drop_index("ix_search_trials_activation")

    op.drop_table("search_trials")
    op.drop_table("search_winners")
    op.drop_table("search_tests")
    op.drop_table("search_spaces")
    op.drop_table("search_results")
    with op.batch_alter_table("search_requests", schema=None) as batch_op:
        batch_op.drop_index("ix_search_requests_study")

    op.drop_table("search_requests")
    with op.batch_alter_table("search_idempotency", schema=None) as batch_op:
        batch_op.drop_index("ix_search_idempotency_study")

    op.drop_table("search_idempotency")
    op.drop_table("search_dataset_contents")
    op.drop_table("search_confirmations")
    op.drop_table("search_workers")
    with op.batch_alter_table("search_studies", schema=None) as batch_op:
        batch_op.drop_index("ix_search_studies_state")

    op.drop_table("search_studies")
    op.drop_table("search_datasets")
