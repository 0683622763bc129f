"""Compile everything now, once a machine: `python -m search.engines.compiled`."""

from search.engines.compiled.warm_up import warm

warm()
