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
    # Not in a batch, which would make the table anew and drop the old one with the contents.
    op.drop_column("search_datasets", "notes")
    op.drop_column("search_datasets", "class_counts")
