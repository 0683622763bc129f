"""What a stack does on a GPU, carried out on a processor too, and there by graphs where one is."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from search.activations import ACTIVATIONS
from search.engines.engine import Training
from search.engines.minibatches import Minibatches
from search.engines.stacked import graphed
from search.engines.stacked.engine import StackedEngine
from search.engines.stacked.graphed import Graphed
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane
from search.study import Task
from search.training.backend import Backend, EngineName
from search.training.device import Device
from search.training.parts import free_cuda_bytes, lane_bytes
from search.training.segment import train_segment
from tests.search.engines.test_stack import VARIANTS, assert_equals_plain_network
from tests.search.plain_network import BACKENDS, in_two_segments, lane, segment, small_data, train

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
CUDA = Backend(device=Device.CUDA, engine=EngineName.TORCH, gpus=(0,))
HIDDEN = [name for name, row in ACTIVATIONS.items() if row.hidden]


@pytest.fixture(params=["on a processor", pytest.param("on a GPU", marks=needs_gpu)])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    if request.param == "on a GPU":
        monkeypatch.setattr(graphed, "CAPTURE_AFTER", 2)
        return CUDA
    monkeypatch.setattr(Dimensions, "on_host", False)
    return BACKENDS[False]


def company(normalization: str) -> list[Lane]:
    """Lanes of every activation, with settings that differ in every respect a stack allows."""
    return [
        lane(
            trial,
            fold=trial % 2,
            activation=name,
            normalization=normalization,
            depth=1 + trial % 4,
            optimizer=("adamw", "sgd", "adamw")[trial % 3],
            momentum=(0.9, 0.0)[trial % 2],
            learning_rate=0.003 * (1 + trial % 5),
            weight_decay=0.01 * (trial % 3),
            gradient_clip=(None, 0.5)[trial % 2],
            schedule=("constant", "cosine")[trial % 2],
            dropout=(0.0, 0.3)[trial % 2],
            **options,
        )
        for trial, (name, options) in enumerate(
            [*((name, {}) for name in HIDDEN), *VARIANTS.items()]
        )
    ]


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_every_lane_equals_the_plain_network(normalization: str, backend: Backend) -> None:
    lanes = company(normalization)
    whole = replace(segment(lanes, epochs=4, metrics=()), backend=backend)
    for reports in (train(whole, small_data()), in_two_segments(whole, small_data(), at=1)):
        for member in lanes:
            report = reports[member.configuration, member.fold]
            # On the same device: hardswish has a sixth in float32 there.
            assert_equals_plain_network(member, report, epochs=4, device=backend.device)


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_task_equals_the_plain_network(task: Task, optimizer: str, backend: Backend) -> None:
    """With one optimizer, of which one call updates lanes of all depths."""
    lanes = [
        lane(t, t % 2, activation="gelu", depth=1 + t, optimizer=optimizer, weight_decay=0.01 * t)
        for t in range(4)
    ]
    reports = train(replace(segment(lanes, metrics=()), backend=backend), small_data(task))
    for member in lanes:
        report = reports[member.configuration, member.fold]
        assert_equals_plain_network(member, report, task, device=backend.device)


def test_the_best_epoch_is_that_of_the_processors_plan(backend: Backend) -> None:
    lanes = [
        lane(
            t,
            t % 2,
            activation="tanh",
            normalization="batch",
            depth=1 + t,
            stopping="best",
            patience=2 * t,
            learning_rate=0.05,
        )
        for t in range(4)
    ]
    whole = replace(segment(lanes, epochs=12), probe_at=(0, 3, 12))
    expected = train(replace(whole, backend=BACKENDS[True]), small_data())
    got = train(replace(whole, backend=backend), small_data())
    assert {report.best_epoch for report in got.values()} != {12}
    for key, report in got.items():
        other = expected[key]
        assert report.best_epoch == other.best_epoch
        np.testing.assert_allclose(report.validation_loss, other.validation_loss, rtol=1e-9)
        assert report.state is not None
        assert other.state is not None
        np.testing.assert_allclose(report.state.params, other.state.params, atol=1e-8)
        np.testing.assert_allclose(report.state.running, other.state.running, atol=1e-8)
        assert len(report.layers) == len(other.layers) > 1
        for layer, its in zip(report.layers, other.layers, strict=True):
            assert layer.epoch == its.epoch
            for name, values in layer.statistics.items():
                np.testing.assert_allclose(values, its.statistics[name], rtol=1e-6, atol=1e-9)


def test_an_engine_that_nobody_holds_gives_its_memory_back_at_once(backend: Backend) -> None:
    """Not when the garbage collector comes by: a GPU would run out first."""
    data, lanes = small_data(), (lane(0), lane(1, 1))
    shape = Dimensions(features=data.features_in, outputs=data.outputs, device=str(backend.device))
    gc.collect()
    gc.disable()
    try:
        with torch.inference_mode():
            engine = StackedEngine(
                Training(
                    lanes=lanes,
                    states=(None, None),
                    data=data,
                    batches=Minibatches(lanes, data, shape),
                    epochs=4,
                    probe_at=(0,),
                    dimensions=shape,
                )
            )
            engine.train(0, 4)
            engine.logits()
            parameters = weakref.ref(engine._parameters)
            del engine
        assert parameters() is None
    finally:
        gc.enable()


class FakeGraph:
    """A graph that replays the function it was captured from."""

    def __init__(self) -> None:
        self.function: Callable[[], object] = lambda: None

    def replay(self) -> None:
        """Do what was captured."""
        self.function()


def fake_capture(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    @contextmanager
    def capture(_graph: FakeGraph) -> Iterator[None]:
        yield
        if fails:
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", capture)


def test_a_step_called_often_is_captured_once_and_sees_new_inputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_capture(monkeypatch)
    calls: list[Tensor] = []

    def double(x: Tensor) -> Tensor:
        calls.append(x)
        return x * 2

    step = Graphed(double)
    for number in range(graphed.CAPTURE_AFTER):
        assert step(torch.tensor([float(number)])).item() == 2.0 * number
    assert len(calls) == graphed.CAPTURE_AFTER
    output = step(torch.tensor([5.0]))
    assert len(calls) == graphed.CAPTURE_AFTER + 1
    step(torch.tensor([7.0]))
    assert len(calls) == graphed.CAPTURE_AFTER + 1
    # The graph reads the tensor it was captured with, which holds the last input.
    assert calls[-1].item() == 7.0
    assert output is step(torch.tensor([7.0]))


def test_a_step_that_cannot_be_captured_goes_on_kernel_by_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_capture(monkeypatch, fails=True)
    monkeypatch.setattr(graphed, "CAPTURE_AFTER", 1)
    step = Graphed(lambda x: x + 1)
    step(torch.zeros(1))
    with pytest.warns(RuntimeWarning, match="kernel by kernel.*not permitted"):
        assert step(torch.ones(1)).item() == 2.0
    assert step(torch.zeros(1)).item() == 1.0


@needs_gpu
def test_the_steps_of_a_gpu_are_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    captured: list[bool] = []
    capture = Graphed._capture

    def noting(self: Graphed, inputs: tuple[Tensor, ...]) -> None:
        capture(self, inputs)
        captured.append(self._graph is not None)

    monkeypatch.setattr(Graphed, "_capture", noting)
    monkeypatch.setattr(graphed, "CAPTURE_AFTER", 2)
    for normalization in ("none", "batch", "layer"):
        train(replace(segment(company(normalization)), backend=CUDA), small_data())
    assert captured == [True] * 6  # of the steps, and of the predictions


@needs_gpu
@pytest.mark.parametrize(("width", "depth"), [(16, 1), (128, 3), (512, 6)])
def test_the_memory_of_a_lane_is_estimated_from_above(width: int, depth: int) -> None:
    lanes = [
        lane(t, width=width, depth=depth, activation="mish", dropout=0.1, batch_size=16)
        for t in range(32)
    ]
    task = replace(segment(lanes), backend=CUDA, dtype="float32")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    train_segment(task, small_data())
    used = torch.cuda.max_memory_allocated() - before
    estimated = sum(lane_bytes(one, task, small_data()) for one in lanes)
    assert used - 40 * 2**20 < estimated  # libraries have a workspace of some 32 MiB
    assert estimated < 4 * used
    assert free_cuda_bytes() > 2**30
