"""Class counts and notes of a dataset, read off its file at every request before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; they are NULL for datasets recorded before."""
    op.add_column("search_datasets", sa.Column("class_counts", sa.Text(), nullable=True))
    op.add_column("search_datasets", sa.Column("notes", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    with op.batch_alter_table("search_datasets", schema=None) as batch_op:
        batch_op.drop_column("notes")
        batch_op.drop_column("class_counts")
