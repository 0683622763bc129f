"""Threads, test ids, and fixtures of several packages: a dataset and a PostgreSQL cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.slow import is_slow

if TYPE_CHECKING:
    from search.data.datasets import Dataset
    from tests.postgresql import Cluster

#: This variable of the environment turns a missing PostgreSQL from a skip into a failure.
REQUIRED = "TESTS_REQUIRE_POSTGRESQL"


# One thread a process: tests run in parallel, and threads that wait for each other spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The host that Starlette's TestClient asks for.
os.environ.setdefault("ACTIVATION_SEARCH_ALLOWED_HOSTS", "testserver")
# Tests send more than a person does; those of the rates say otherwise.
os.environ.setdefault("ACTIVATION_SEARCH_READS_PER_MINUTE", "0")
os.environ.setdefault("ACTIVATION_SEARCH_WRITES_PER_MINUTE", "0")
os.environ.setdefault("ACTIVATION_SEARCH_MAX_QUEUED_STUDIES", "100000")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: compressed ones hold the time, and workers must agree."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out, and begin with its files: they end late otherwise.

    Files stay whole, since a process of pytest-xdist takes file after file.
    """
    slow = set()
    for item in items:
        if is_slow(item.nodeid):
            item.add_marker(pytest.mark.slow)
            slow.add(item.path)
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL cluster, started when the first test asks for it."""
    # Imported here so that tests of the science alone load no SQLAlchemy.
    from tests.postgresql import cluster, find_program  # noqa: PLC0415

    initdb = find_program("initdb")
    if initdb is None or find_spec("psycopg") is None:
        reason = "PostgreSQL's server programs or its driver psycopg are not installed"
        # Where they must be, a skipped test would be one that nobody misses.
        (pytest.fail if REQUIRED in os.environ else pytest.skip)(reason)
    with cluster(initdb) as running:
        yield running


@pytest.fixture(scope="session")
def iris() -> Dataset:
    # Imported once OMP_NUM_THREADS is set, since NumPy reads it.
    from search.data.datasets import load_builtin  # noqa: PLC0415

    return load_builtin("iris")


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Give this process denormal numbers back, which benchmarks flush as a trainer does."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_flush_denormal(False)
