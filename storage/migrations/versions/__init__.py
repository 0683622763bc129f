"""The migrations, one module each; Alembic orders them by `down_revision`."""
