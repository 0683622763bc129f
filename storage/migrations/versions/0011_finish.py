"""Requests to end a search and go on to the confirmation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("search_studies", sa.Column("finish_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    # Not in a batch, as in the steps before.
    op.drop_column("search_studies", "finish_at")
