"""Optuna's own tables, as its relational storage makes and reads them.

Imports nothing of ours. Plain values go in, and rows that a plain Optuna reads come out.
"""
