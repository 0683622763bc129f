"""The client of each study, and the turns of the clients in the queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("search_studies", sa.Column("client", sa.String(100)))
    op.create_table(
        "search_turns",
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client", name="pk_search_turns"),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("search_turns")
    # Not in a batch, as in the step before.
    op.drop_column("search_studies", "client")
