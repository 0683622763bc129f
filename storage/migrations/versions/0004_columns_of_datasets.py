"""The roles that a person gave to columns, and what each column was taken for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step; datasets recorded before it have nothing in these columns."""
    op.add_column("search_datasets", sa.Column("roles", sa.Text(), nullable=True))
    op.add_column("search_datasets", sa.Column("report", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    # Not in a batch, which would make the table anew and drop the old one with the contents.
    op.drop_column("search_datasets", "report")
    op.drop_column("search_datasets", "roles")
