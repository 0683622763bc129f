"""Searches of trials; stages, searches, arms and contributions of rows of confirmation runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: Table -> its new columns; NULL in every row of revisions before.
_COLUMNS: dict[str, tuple[tuple[str, sa.types.TypeEngine[Any]], ...]] = {
    "search_trials": (("search", sa.Integer()),),
    "search_confirmations": (
        ("arm", sa.Text()),
        ("search", sa.Integer()),
        ("stage", sa.String(16)),
        ("verdict", sa.Integer()),
        ("blocks", sa.LargeBinary()),
    ),
    "search_tests": (("test_blocks", sa.LargeBinary()), ("validation_blocks", sa.LargeBinary())),
}


def upgrade() -> None:
    """Take the step."""
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Take the step back."""
    # Not in a batch, as in the steps before.
    for table, columns in _COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)
