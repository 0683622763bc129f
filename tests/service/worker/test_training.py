"""An executor that is not to be had is refused in a sentence."""

from __future__ import annotations

import pytest

from search.errors import InvalidInput
from search.training.backend import EngineName, cluster_backend
from search.training.device import Device
from service.settings import load_settings
from service.worker import training
from service.worker.training import open_executor


def test_without_ray_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"needs Ray, which is not installed; .*\[ray\]"):
        open_executor(load_settings(executor="ray"))


def test_an_unknown_executor_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"EXECUTOR is 'spark': .*'local' or 'ray'"):
        load_settings(executor="spark")


@pytest.mark.parametrize(
    ("device", "gpus", "comes_to"),
    [
        ("cpu", 0, Device.CPU),
        ("cpu", 1, Device.CPU),
        ("auto", 0, Device.CPU),
        ("auto", 0.5, Device.CUDA),
        ("cuda", 1, Device.CUDA),
    ],
)
def test_segments_train_on_the_gpus_that_they_reserve(
    device: str, gpus: float, comes_to: Device
) -> None:
    backend = cluster_backend(device, EngineName.AUTO, gpus=gpus, tf32=True)
    assert backend.device is comes_to
    assert backend.engine is backend.trainer
    assert backend.tf32


@pytest.mark.parametrize(
    ("device", "engine", "gpus", "sentence"),
    [
        ("cuda:1", "auto", 1, "a cluster numbers its GPUs itself"),
        ("cuda", "auto", 0, "set ACTIVATION_SEARCH_RAY_GPUS to 1"),
        ("auto", "compiled", 1, "set ACTIVATION_SEARCH_RAY_GPUS to 0"),
    ],
)
def test_wishes_that_do_not_fit_a_cluster_are_refused(
    device: str, engine: str, gpus: float, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        cluster_backend(device, EngineName(engine), gpus=gpus)
