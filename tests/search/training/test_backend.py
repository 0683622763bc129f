"""The engine is a choice: what the names come to, and that both engines run the same study."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from search.data.datasets import Dataset
from search.driver import run_study
from search.engines.compiled import can_compile
from search.errors import InvalidInput
from search.study import (
    Budget,
    Choices,
    ConfirmationRun,
    ConfirmationsMade,
    Evaluation,
    Range,
    StudySpec,
    TrialRecord,
    TrialsChanged,
)
from search.training import segment
from search.training.backend import Backend, EngineName, usable_backend
from search.training.device import Device


@pytest.mark.parametrize(
    ("device", "engine", "has_gpu", "used"),
    [
        (Device.CPU, EngineName.AUTO, True, (Device.CPU, EngineName.COMPILED)),
        (Device.CPU, EngineName.TORCH, False, (Device.CPU, EngineName.TORCH)),
        (Device.AUTO, EngineName.AUTO, True, (Device.CUDA, EngineName.TORCH)),
        (Device.AUTO, EngineName.COMPILED, True, (Device.CPU, EngineName.COMPILED)),
        (Device.AUTO, EngineName.TORCH, False, (Device.CPU, EngineName.TORCH)),
    ],
)
def test_the_backend_is_what_is_wanted_and_there(
    device: Device,
    engine: EngineName,
    has_gpu: bool,
    used: tuple[Device, EngineName],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    gpus = (0,) if used[0] is Device.CUDA else ()
    backend = usable_backend(device, engine, tf32=True)
    assert backend == Backend(device=used[0], engine=used[1], tf32=True, gpus=gpus)


def test_a_compiled_engine_on_a_gpu_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidInput, match=r"on a processor.*'cuda'; choose device cpu"):
        usable_backend(Device.CUDA, EngineName.COMPILED)


def test_a_compiled_engine_without_numba_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    can_compile.cache_clear()
    monkeypatch.setattr(
        "search.engines.compiled.find_spec", lambda name: None if name == "numba" else find_spec
    )
    with pytest.raises(InvalidInput, match="needs Numba, which is not installed"):
        usable_backend(Device.CPU, EngineName.COMPILED)
    assert usable_backend(Device.CPU, EngineName.AUTO).engine is EngineName.TORCH
    can_compile.cache_clear()


def results(
    iris: Dataset, engine: EngineName
) -> tuple[dict[int, TrialRecord], list[ConfirmationRun]]:
    """The trials of a small study by `engine`, by number, and its confirmation runs."""
    spec = StudySpec(
        dataset="iris",
        space={
            "activation": Choices(values=("relu", "silu")),
            "depth": Range(low=1, high=3),
            "width": Choices(values=(16,)),
            "dropout": Range(low=0.0, high=0.3),
            "batch_size": Choices(values=(32,)),
        },
        budget=Budget(trials=12, epochs=6),
        evaluation=Evaluation(folds=2, confirm_top=1, confirm_repeats=2),
    )
    trials: dict[int, TrialRecord] = {}
    confirmations: list[ConfirmationRun] = []
    for event in run_study(spec, iris, backend=Backend(engine=engine)):
        if isinstance(event, TrialsChanged):
            trials |= {trial.number: trial for trial in event.trials}
        elif isinstance(event, ConfirmationsMade):
            confirmations += event.runs
    return trials, confirmations


def test_both_engines_give_the_same_study_to_rounding(
    iris: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    rows = {name: _noting(made, name) for name in (EngineName.COMPILED, EngineName.TORCH)}
    monkeypatch.setattr(segment, "_ENGINES", rows)
    compiled, compiled_runs = results(iris, EngineName.COMPILED)
    assert set(made) == {EngineName.COMPILED}
    made.clear()
    stacked, stacked_runs = results(iris, EngineName.TORCH)
    assert set(made) == {EngineName.TORCH}
    assert len(compiled) == len(stacked) == 12
    for number, trial in compiled.items():
        other = stacked[number]
        assert (trial.state, trial.params) == (other.state, other.params)
        np.testing.assert_allclose(trial.values or (), other.values or (), rtol=1e-4)
        for curve, its in zip(trial.curves, other.curves, strict=True):
            np.testing.assert_allclose(curve.validation_loss, its.validation_loss, rtol=1e-4)
    assert len(compiled_runs) == len(stacked_runs) > 0
    for run, its_run in zip(compiled_runs, stacked_runs, strict=True):
        assert run.params == its_run.params
        assert run.scores["log_loss"] == pytest.approx(its_run.scores["log_loss"], rel=1e-4)


def _noting(made: list[str], name: EngineName) -> object:
    """The row of an engine that also writes its name down whenever it trains."""
    make = segment._ENGINES[name]

    def noted(training: object) -> object:
        made.append(name)
        return make(training)  # type: ignore[arg-type]

    return noted
