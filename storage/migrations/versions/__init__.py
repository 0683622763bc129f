"""One file a step; Alembic orders them by `down_revision`."""
