"""Which device trains, and that everything a study trains is sent there."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
import torch

from search.data.datasets import load_builtin
from search.driver import run_study
from search.errors import InvalidInput
from search.study import (
    Budget,
    Choices,
    Evaluation,
    Range,
    StudyEnded,
    StudySpec,
    StudyState,
    TestsMade,
)
from search.training.backend import Backend
from search.training.device import Device, usable_device
from search.training.executors import InlineExecutor
from search.training.segment import Segment
from tests.search.plain_network import BACKENDS


@pytest.mark.parametrize(
    ("wanted", "has_gpu", "used", "gpus"),
    [
        ("cpu", True, Device.CPU, ()),
        ("auto", False, Device.CPU, ()),
        ("auto", True, Device.CUDA, (0, 1, 2)),
        ("cuda", True, Device.CUDA, (0, 1, 2)),
        ("cuda:2", True, Device.CUDA, (2,)),
    ],
)
def test_the_device_is_what_is_wanted_and_there(
    wanted: str,
    has_gpu: bool,
    used: Device,
    gpus: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert usable_device(wanted) == (used, gpus)


def test_a_gpu_that_is_not_there_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidInput, match=r"'cuda' needs a GPU.*choose device cpu or auto"):
        usable_device(Device.CUDA)


def test_a_gpu_beyond_the_last_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InvalidInput, match=r"'cuda:2' is not there: torch reaches 2 GPUs.*cuda:0"):
        usable_device("cuda:2")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CUDA", "cuda:0 "])
def test_a_device_that_is_none_is_refused_with_the_way_out(wanted: str) -> None:
    with pytest.raises(InvalidInput, match=f"device is '{wanted}'; choose auto, cpu, cuda for all"):
        usable_device(wanted)


class WithoutGpu(InlineExecutor):
    """Notes the device of every segment and trains it by the same code here."""

    def __init__(self) -> None:
        self.devices: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it with the GPU's engine on the processor."""
        job, *rest = args
        if isinstance(job, Segment):
            self.devices.append(job.backend.device)
            job = replace(job, backend=BACKENDS[False])
        return super().submit(fn, job, *rest, **kwargs)


def test_all_segments_of_a_study_go_to_its_device() -> None:
    spec = StudySpec(
        dataset="iris",
        space={
            "activation": Choices(values=("relu", "tanh")),
            "depth": Range(low=1, high=2),
            "width": Choices(values=(8,)),
            "batch_size": Choices(values=(32,)),
        },
        budget=Budget(trials=6, epochs=3),
        evaluation=Evaluation(folds=2, confirm_top=1, confirm_repeats=2),
    )
    for device in (Device.CPU, Device.CUDA):
        executor = WithoutGpu()
        events = list(
            run_study(spec, load_builtin("iris"), executor=executor, backend=Backend(device=device))
        )
        assert events[-1] == StudyEnded(state=StudyState.COMPLETED)
        assert any(isinstance(event, TestsMade) and event.winner for event in events)
        assert set(executor.devices) == {device}
