"""A study from its first proposal to its verdict.

Imports every other package of `search`; none imports it. A spec, a dataset and the history go in,
events come out, which the worker (or a notebook) records.
"""

from search.driver.driver import run_study

__all__ = ["run_study"]
