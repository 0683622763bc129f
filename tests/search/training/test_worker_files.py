"""States of lanes rest in files between rungs, which are used again and never mixed up."""

from __future__ import annotations

import pickle
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.training.executors import InlineExecutor
from search.training.mapped_file import write_mapped
from search.training.measured import MeasuredExecutor
from search.training.segment import Segment, train_segment
from search.training.worker_files import (
    DataFile,
    FileStore,
    StateFile,
    open_store,
    train_from_file,
    train_to_rung,
)
from tests.search.plain_network import lane, segment, small_data


def halves(whole: Segment) -> tuple[Segment, Segment]:
    first = replace(whole, last=2, evaluate_at=(1, 2))
    return first, replace(whole, first=2, evaluate_at=(3, 4), keep_states=False)


def test_a_file_is_acquired_by_one_lane_at_a_time_and_used_again(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    first, second = store.acquire(), store.acquire()
    assert first != second
    store.release(first)
    assert store.acquire() == first
    assert store.acquire() not in (first, second)


def test_two_stores_of_one_folder_share_no_file(tmp_path: Path) -> None:
    one, other = FileStore(tmp_path), FileStore(tmp_path)
    assert one.acquire() != other.acquire()
    assert one.save(small_data()) != other.save(small_data())


def test_training_by_rungs_from_files_equals_training_at_once(tmp_path: Path) -> None:
    data = small_data()
    whole = segment([lane(0, 0, depth=3), lane(1, 1)], epochs=4)
    store = FileStore(tmp_path)
    saved = store.save(data)
    states = (store.acquire(), store.acquire())
    # A longer state was in this file before; what is left of it must not be read.
    states[1].path.write_bytes(b"x" * 10**6)
    early, late = (train_to_rung(half, saved, states) for half in halves(whole))
    assert all(report.state is None for report in (*early, *late))
    expected = train_segment(whole, data)
    assert len(expected) == 2
    for one, other, both in zip(early, late, expected, strict=True):
        assert one.epochs + other.epochs == both.epochs == (1, 2, 3, 4)
        assert one.train_loss + other.train_loss == both.train_loss
        assert one.validation_loss + other.validation_loss == both.validation_loss


def test_reports_of_a_whole_training_hold_the_states(tmp_path: Path) -> None:
    data = small_data()
    task = segment([lane(0, 0)], epochs=2)
    (report,) = train_from_file(task, FileStore(tmp_path).save(data))
    (expected,) = train_segment(task, data)
    assert report.state is not None
    assert expected.state is not None
    assert np.array_equal(report.state.params, expected.state.params)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    state, data = StateFile(tmp_path / "state"), DataFile(tmp_path / "data")
    state.path.write_bytes(pickle.dumps("words"))
    write_mapped(data.path, "words")
    with pytest.raises(TypeError, match="holds a str, not the state of a lane"):
        state.read()
    with pytest.raises(TypeError, match="holds a str, not the folds of a study"):
        data.load()


def test_an_executor_says_which_store_its_calls_can_reach(tmp_path: Path) -> None:
    class Elsewhere(InlineExecutor):
        def open_store(self, folder: Path) -> Any:
            return "a store elsewhere", folder

    def measured(executor: Executor) -> Executor:
        return MeasuredExecutor(executor, lambda _: None)

    assert isinstance(open_store(InlineExecutor(), tmp_path), FileStore)
    assert isinstance(open_store(measured(InlineExecutor()), tmp_path), FileStore)
    assert open_store(Elsewhere(), tmp_path) == ("a store elsewhere", tmp_path)
    assert open_store(measured(Elsewhere()), tmp_path) == ("a store elsewhere", tmp_path)
