"""Datasets that the tests of `search` share; tests change copies of them only."""

from __future__ import annotations

import pytest

from search.data.datasets import Dataset, load_builtin


@pytest.fixture(scope="session")
def diabetes() -> Dataset:
    return load_builtin("diabetes")
