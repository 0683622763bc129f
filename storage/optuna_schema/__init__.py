"""Optuna's own tables, as its relational storage makes and reads them.

Imports nothing of ours. What is written here a plain Optuna reads.
"""
