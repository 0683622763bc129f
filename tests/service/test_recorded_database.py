"""A database of an earlier release is opened and answered from as that release answered.

`data/` holds a database that version 0.1.0 made, before trial blobs had a format version, with an
upload, a study run to its verdict and a paused one; and its answers to GET requests on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.study import StudyState
from search.training.executors import InlineExecutor
from service.api.app import create_app
from service.settings import Settings
from service.worker.worker import Worker
from storage import Studies, open_database
from tests.service.recorded import ANSWERS, STUDY, recorded_settings

#: Comparisons of that release's verdict that later releases do not make.
GONE = re.compile(
    r"/verdict/comparisons/\d+/baseline_\w+$"
    r"|/verdict/baseline/(difference(_low|_high)?|p_value|p_adjusted)$"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return recorded_settings(tmp_path)


def missing(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Where `new` lacks a field of `old` or has another value; fields may have been added."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            yield from missing(value, new.get(name, "nothing"), f"{at}/{name}")
    elif at.endswith("/notes") and set(old) <= set(new):
        return  # a later release may have more to say of a table
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from missing(first, second, f"{at}/{place}")
    elif old != new and not GONE.search(at):
        yield f"{at}: {old!r} became {new!r}"


@pytest.mark.parametrize("path", ANSWERS)
def test_the_answers_are_those_of_the_release_that_made_it(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert list(missing(ANSWERS[path], answer.json())) == []


def test_a_study_of_that_release_is_extended_from_its_history(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        here = f"/v1/studies/{STUDY}"
        assert client.post(f"{here}/extend", json={"trials": 2}).status_code == 202
        database = open_database(settings.database)
        Worker(settings, database, InlineExecutor()).run(until_idle=True)
        assert Studies(database).get(STUDY).state is StudyState.COMPLETED
        database.close()
        trials = client.get(f"{here}/trials").json()["items"]
        assert len(trials) == 8
        assert list(missing(ANSWERS[f"{here}/trials"]["items"], trials[:6])) == []
