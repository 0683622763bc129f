"""The science: many small networks trained at once, a search over activations, the evidence.

Imports neither `storage` nor `service`, knows neither HTTP nor SQL and can be used from a notebook:
`run` takes a data frame and returns what a study of it found; below it, `load_builtin` or
`read_table` gives a dataset, `run_study` takes it with a `StudySpec` and yields events. These load
torch or pandas, and are therefore imported when first used (PEP 562): the API process runs without
torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING
from warnings import catch_warnings, filterwarnings

with catch_warnings():
    # Optuna loads a bar that asks every notebook without ipywidgets to install them.
    filterwarnings("ignore", "IProgress not found")
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
    from search.local_study import run

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
    "run",
    "run_study",
]

_LOADED_WHEN_ASKED_FOR = {
    "load_builtin": "search.data.datasets",
    "read_table": "search.data.dataset_builder",
    "run": "search.local_study",
    "run_study": "search.driver",
}


def __getattr__(name: str) -> object:
    if name not in _LOADED_WHEN_ASKED_FOR:
        raise AttributeError(f"module 'search' has no attribute '{name}'")
    return getattr(import_module(_LOADED_WHEN_ASKED_FOR[name]), name)
