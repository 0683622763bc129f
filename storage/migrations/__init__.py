"""Alembic's home: how our own tables came to be, one step a file.

Imports `sql`, with whose tables the steps end. An open connection goes in; Optuna's tables, which
have a revision of their own, are left alone.
"""
