"""Notifications of changed studies, where the database can send them: PostgreSQL's NOTIFY."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: The channels and payloads are those that `storage/wakeups.py` listens for.
_FUNCTION = """
CREATE FUNCTION search_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('search_versions', NEW.id);
    IF NEW.state = 'queued' THEN
        PERFORM pg_notify('search_queue', NEW.id);
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER search_notify AFTER INSERT OR UPDATE ON search_studies
FOR EACH ROW EXECUTE FUNCTION search_notify()
"""


def upgrade() -> None:
    """Take the step."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        op.execute(_TRIGGER)


def downgrade() -> None:
    """Take the step back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER search_notify ON search_studies")
        op.execute("DROP FUNCTION search_notify")
