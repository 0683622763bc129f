"""Our own tables, and the connections to whatever database holds them.

Imports `optuna_schema`. A URL goes in, a `Database` comes out.
"""
