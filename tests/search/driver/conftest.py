"""One study that several tests of the driver look at."""

from __future__ import annotations

import pytest

from search.data.datasets import Dataset
from search.driver import run_study
from search.study import Event
from tests.search.driver.confirmed_study import SPEC


@pytest.fixture(scope="session")
def events(iris: Dataset) -> list[Event]:
    """All events of a study with a confirmation and a test."""
    return list(run_study(SPEC, iris))
