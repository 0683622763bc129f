"""What a process loads when it runs; who may import whom is held by the contracts of pyproject."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import search

ROOT = Path(__file__).parent.parent

#: What a process imports, and what it must never load by that.
NEVER_LOADED = {
    "search": {"torch", "numba", "pandas", "sklearn"},
    "storage": {"torch", "numba", "pandas", "sklearn", "fastapi"},
    "service.api.app": {"torch", "numba", "pandas", "sklearn", "optuna_dashboard"},
    "search.training.executors": {"pandas", "sklearn", "sqlalchemy", "fastapi"},
    "search.prediction.predict": {"torch", "numba", "sklearn", "sqlalchemy", "fastapi"},
    # Holds the function that a training process is sent for a segment.
    "search.training.worker_files": {"pandas", "sklearn", "sqlalchemy", "fastapi"},
}

PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for package in ("search", "storage", "service")
    for path in (ROOT / package).rglob("__init__.py")
)


def loaded_by(statements: str) -> set[str]:
    """Return the packages in memory after a fresh interpreter has run `statements`."""
    code = f"import sys\n{statements}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", NEVER_LOADED)
def test_processes_do_not_load_what_they_do_not_need(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert module.split(".", maxsplit=1)[0] in loaded
    assert not loaded & NEVER_LOADED[module]


def test_search_loads_torch_and_pandas_when_they_are_asked_for() -> None:
    assert "torch" in loaded_by("from search import run_study")
    assert "pandas" in loaded_by("from search import read_table")


def test_search_says_which_name_it_lacks() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'run_studies'"):
        _ = search.run_studies


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_export_what_they_name_and_say_what_they_hold(package: str) -> None:
    module = import_module(package)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []
    assert module.__doc__


@pytest.mark.parametrize("package", ["search", "storage", "service"])
def test_packages_are_typed_for_those_who_install_them(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
