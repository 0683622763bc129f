"""Since when a study waits, and how long the segments of a worker took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("search_studies", sa.Column("queued_at", sa.DateTime(), nullable=True))
    op.add_column("search_workers", sa.Column("segments", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    # Not in a batch: that makes the table anew, and dropping the old one would take, by its
    # foreign keys, every row of every study along.
    op.drop_column("search_workers", "segments")
    op.drop_column("search_studies", "queued_at")
