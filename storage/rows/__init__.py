"""The mapping between values and rows, one module for each kind of value.

Imports `sql`, `optuna_schema` and `search.study`. Frozen values become rows, and rows values.
"""
