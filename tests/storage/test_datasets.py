"""An uploaded file comes back byte for byte, once, and is kept while a study needs it."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

import storage.studies
from search.errors import Conflict, NotFound
from search.study import StudySpec, StudyState, Task
from storage import Database, Datasets, Queue, Studies
from storage.datasets import DatasetRow
from tests.storage.conftest import LEASE_S, WORKER

CSV = b"a,b,label\n1,2,yes\n3,4,no\n"


@pytest.fixture
def datasets(database: Database) -> Datasets:
    return Datasets(database)


def add(datasets: Datasets, **changes: Any) -> DatasetRow:
    values: dict[str, Any] = {
        "name": "flowers",
        "task": Task.BINARY,
        "target": "label",
        "rows": 2,
        "feature_names": ["a", "b"],
        "classes": ["no", "yes"],
        "class_counts": [1, 1],
        "notes": ["nothing was done"],
        "content": CSV,
        "content_type": "text/csv",
    }
    return datasets.add(**{**values, **changes})


def study(studies: Studies, dataset: str) -> str:
    return studies.create(
        StudySpec(dataset=dataset), directions=["minimize"], metric_names=["log_loss"]
    ).id


def test_a_dataset_comes_back_as_it_was_added(datasets: Datasets) -> None:
    row = add(datasets)
    assert datasets.get(row.id) == row
    assert (row.features, row.feature_names, row.classes) == (2, ("a", "b"), ("no", "yes"))
    assert (row.size_bytes, row.task) == (len(CSV), Task.BINARY)
    assert len(row.sha256) == 64


@pytest.mark.parametrize("content", [CSV, bytes(range(256)) * 40_000, b"PAR1\x00\xff"])
def test_the_content_comes_back_byte_for_byte(content: bytes, datasets: Datasets) -> None:
    assert datasets.content(add(datasets, content=content).id) == content


def test_the_same_upload_twice_is_one_dataset(datasets: Datasets) -> None:
    first = add(datasets)
    assert add(datasets, name="another name") == first
    assert datasets.list() == (first,)


@pytest.mark.parametrize(
    "change", [{"target": "a"}, {"content": CSV + b"5,6,no\n"}, {"task": Task.REGRESSION}]
)
def test_another_target_content_or_task_is_another_dataset(
    change: dict[str, Any], datasets: Datasets
) -> None:
    first, second = add(datasets), add(datasets, **change)
    assert datasets.list() == (second, first)


def test_a_deleted_dataset_is_gone(datasets: Datasets) -> None:
    row = add(datasets)
    datasets.delete(row.id)
    for look_up in (datasets.get, datasets.content, datasets.delete):
        with pytest.raises(NotFound, match=row.id):
            look_up(row.id)
    assert add(datasets).id != row.id


def test_a_dataset_in_use_cannot_be_deleted(
    datasets: Datasets, studies: Studies, queue: Queue
) -> None:
    row = add(datasets)
    study_id = study(studies, row.id)
    with pytest.raises(Conflict, match=study_id):
        datasets.delete(row.id)
    queue.claim(WORKER, LEASE_S)
    queue.finish(study_id, WORKER, StudyState.COMPLETED)
    datasets.delete(row.id)
    assert studies.get(study_id).dataset == row.id


def test_a_study_of_a_missing_dataset_is_refused(datasets: Datasets, studies: Studies) -> None:
    row = add(datasets)
    datasets.delete(row.id)
    with pytest.raises(NotFound, match=row.id):
        study(studies, row.id)


def test_a_dataset_cannot_be_deleted_while_a_study_of_it_is_being_created(
    datasets: Datasets, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = add(datasets)
    refused: list[Exception] = []

    def delete() -> None:
        try:
            datasets.delete(dataset.id)
        except Conflict as error:
            refused.append(error)

    thread = Thread(target=delete)
    new_id = storage.studies.ids.new_id

    def while_creating(prefix: str) -> str:
        thread.start()
        thread.join(0.5)  # long enough for a deletion that waits for nothing
        return new_id(prefix)

    monkeypatch.setattr(storage.studies.ids, "new_id", while_creating)
    row = study(studies, dataset.id)
    thread.join()
    assert len(refused) == 1
    assert studies.get(row).dataset == datasets.get(dataset.id).id
