"""What a reader of a study has to know: that its search could not be repeated, say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("search_studies", sa.Column("note", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    # Not in a batch, as in the steps before.
    op.drop_column("search_studies", "note")
