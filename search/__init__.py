"""The science: stacked training of many small networks, a search over activations, a verdict.

Imports neither HTTP nor SQL and can be used from a notebook: `load_builtin` or `read_table` returns
a dataset, `run_study` takes it with a `StudySpec` and yields events. The modules behind these three
need torch or pandas and are imported on first use (PEP 562), so that other processes stay small.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from search.errors import SearchError
from search.study import (
    Budget,
    Choices,
    Evaluation,
    PrunerSpec,
    Range,
    SamplerSpec,
    StudySpec,
)

if TYPE_CHECKING:
    from search.data.dataset_builder import read_table
    from search.data.datasets import load_builtin
    from search.driver import run_study

__all__ = [
    "Budget",
    "Choices",
    "Evaluation",
    "PrunerSpec",
    "Range",
    "SamplerSpec",
    "SearchError",
    "StudySpec",
    "load_builtin",
    "read_table",
    "run_study",
]

_LAZY_MODULES = {
    "load_builtin": "search.data.datasets",
    "read_table": "search.data.dataset_builder",
    "run_study": "search.driver",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY_MODULES:
        raise AttributeError(f"module 'search' has no attribute '{name}'")
    return getattr(import_module(_LAZY_MODULES[name]), name)
