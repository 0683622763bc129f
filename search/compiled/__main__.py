"""Compile everything now, once a machine: `python -m search.compiled`."""

from search.compiled.warm import warm

warm()
