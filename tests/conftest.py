"""Threads, test ids, and the dataset that tests of several packages use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from search.data.datasets import Dataset


from tests.slow import is_slow

# One thread a process: tests run in parallel, and threads that wait for each other spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: compressed ones hold the time, and workers must agree."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out."""
    for item in items:
        if is_slow(item.nodeid):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def iris() -> Dataset:
    # Imported once OMP_NUM_THREADS is set, since NumPy reads it.
    from search.data.datasets import load_builtin  # noqa: PLC0415

    return load_builtin("iris")
