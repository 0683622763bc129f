"""States of lanes rest in files between rungs, which are used again and never mixed up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.training.segment import Segment, train_segment
from search.training.worker_files import (
    StateFiles,
    load_data,
    save_data,
    train_from_file,
    train_to_rung,
)
from tests.search.plain_network import lane, segment, small_data


def halves(whole: Segment) -> tuple[Segment, Segment]:
    first = replace(whole, last=2, evaluate_at=(1, 2))
    return first, replace(whole, first=2, evaluate_at=(3, 4), keep_states=False)


def test_a_file_is_acquired_by_one_lane_at_a_time_and_used_again(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    first, second = files.acquire(), files.acquire()
    assert first != second
    files.release(first)
    assert files.acquire() == first
    assert files.acquire() not in (first, second)


def test_training_by_rungs_from_files_equals_training_at_once(tmp_path: Path) -> None:
    data = small_data()
    whole = segment([lane(0, 0, depth=3), lane(1, 1)], epochs=4)
    path = save_data(data, tmp_path)
    files = StateFiles(tmp_path)
    states = (files.acquire(), files.acquire())
    # A longer state was in this file before; what is left of it must not be read.
    states[1].write_bytes(b"x" * 10**6)
    early, late = (train_to_rung(half, path, states) for half in halves(whole))
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
    (report,) = train_from_file(task, save_data(data, tmp_path, "whole"))
    (expected,) = train_segment(task, data)
    assert report.state is not None
    assert expected.state is not None
    assert np.array_equal(report.state.params, expected.state.params)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = save_data(small_data(), tmp_path, "folds of another test")
    with pytest.raises(TypeError, match="holds a TrainingData, not the state of a lane"):
        train_to_rung(replace(halves(segment([lane()], epochs=4))[1]), path, (path,))
    state = tmp_path / "state"
    train_to_rung(halves(segment([lane()], epochs=4))[0], path, (state,))
    with pytest.raises(TypeError, match="holds a LaneState, not the folds of a study"):
        load_data(state)
