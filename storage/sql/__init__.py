"""Our own tables, and connections to the database that holds them.

Imports `optuna_schema`. A URL goes in, a `Database` comes out.
"""
