"""The mapping between values and rows, one module a value.

Imports `sql`, `optuna_schema` and the plain values of a study. Values go in, rows come out, and
back.
"""
