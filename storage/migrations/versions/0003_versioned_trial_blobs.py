"""Trial blobs begin with the version of their format.

No table changes, since blobs without a version can be read still. The revision makes releases that
cannot read the new blobs refuse the database, and say so, when they open it.
"""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leave the tables as they are."""


def downgrade() -> None:
    """Leave the tables as they are."""
