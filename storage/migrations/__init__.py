"""Alembic's home: how our own tables came to be, one step a file."""
