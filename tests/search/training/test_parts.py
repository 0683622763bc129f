"""A GPU's memory: what has no room together is trained in parts, with the same reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from search.data.fold_arrays import TrainingData
from search.errors import DeviceMemoryFull
from search.training import executors
from search.training.backend import Backend, EngineName
from search.training.device import Device
from search.training.executors import local_pool
from search.training.parts import SHARE, lane_bytes, train_in_parts
from search.training.scoring import LaneReport
from search.training.segment import Segment, train_segment
from tests.search.plain_network import BACKENDS, lane, segment, small_data

LANES = [lane(t, t % 2, depth=1 + t % 3) for t in range(11)]
PLENTY = 2**40


class Gpu:
    """Trains on the processor, and runs out of memory beyond `most` lanes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.tried: list[int] = []

    def train(self, part: Segment, data: TrainingData) -> tuple[LaneReport, ...]:
        """Train `part` where it has room."""
        self.tried.append(len(part.lanes))
        if len(part.lanes) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train_segment(part, data)


def without_seconds(reports: tuple[LaneReport, ...]) -> list[tuple[Any, ...]]:
    return [
        (r.configuration, r.fold, r.epochs, r.validation_loss, r.state.params.tolist())
        for r in reports
        if r.state is not None
    ]


def test_parts_that_run_out_of_memory_are_halved_and_no_report_changes() -> None:
    data = small_data()
    first = replace(segment(LANES, epochs=4), backend=BACKENDS[True], last=2, evaluate_at=(2,))
    states = tuple(report.state for report in train_segment(first, data))
    second = replace(first, first=2, last=4, evaluate_at=(4,), states=states)
    for task in (first, second):
        gpu = Gpu(most=3)
        reports = train_in_parts(task, data, gpu.train, lambda: PLENTY)
        assert gpu.tried[0] == 11
        assert max(tried for tried in gpu.tried if tried <= 3) == 3
        assert sum(tried for tried in gpu.tried if tried <= 3) == 11
        assert without_seconds(reports) == without_seconds(train_segment(task, data))


def test_parts_are_as_wide_as_the_free_memory() -> None:
    task = segment(LANES)
    needed = max(lane_bytes(one, task, small_data()) for one in LANES)
    gpu = Gpu(most=11)
    train_in_parts(task, small_data(), gpu.train, lambda: int(4.5 * needed / SHARE))
    assert gpu.tried == [4, 4, 3]
    gpu = Gpu(most=11)
    train_in_parts(task, small_data(), gpu.train, lambda: 0)
    assert gpu.tried == [1] * 11


def test_a_lane_that_has_no_room_alone_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        DeviceMemoryFull, match=r"2 layers of 7 units, in minibatches of 8 rows, has no room.*cpu"
    ):
        train_in_parts(segment([lane(0)]), small_data(), Gpu(0).train, lambda: PLENTY)


@pytest.mark.parametrize(
    "params",
    [{"width": 14}, {"depth": 4}, {"batch_size": 16}, {"dropout": 0.5}, {"activation": "rrelu"}],
)
def test_what_needs_more_is_estimated_at_more(params: dict[str, Any]) -> None:
    task, data = segment(LANES), small_data()
    assert lane_bytes(lane(0, **params), task, data) > lane_bytes(lane(0), task, data)
    single = replace(task, dtype="float32")
    assert 2 * lane_bytes(lane(0), single, data) == lane_bytes(lane(0), task, data)


class Pool:
    """Stands in for the pool of processes, and notes how it was made."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def submit(self, *_: Any) -> None:
        """Start no process."""


@pytest.mark.parametrize(
    ("processes", "expected"), [(None, [1, 3]), (5, [1, 3, 1, 3, 1]), (1, [1])]
)
def test_every_gpu_has_a_process_of_its_own(
    processes: int | None, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "ProcessPoolExecutor", Pool)
    backend = Backend(device=Device.CUDA, engine=EngineName.TORCH, gpus=(1, 3))
    pool = local_pool(processes, backend)
    assert isinstance(pool, Pool)
    assert pool.options["max_workers"] == len(expected)
    given, gpus = pool.options["initargs"]
    assert given == backend
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(executors.signal, "signal", lambda *_: None)
    monkeypatch.setattr(executors, "_end_with_parent", lambda: None)
    monkeypatch.setattr(executors, "use_one_core", lambda _: None)
    for _ in expected:
        pool.options["initializer"](given, gpus)
    assert chosen == expected


def test_processes_of_a_processor_choose_no_gpu() -> None:
    with local_pool(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
