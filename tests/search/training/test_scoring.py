"""Scores of a regression do not depend on the unit and the origin of its target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from optuna.trial import TrialState

from search.data.dataset_builder import build_dataset
from search.data.datasets import Dataset
from search.driver import run_study
from search.errors import InvalidDataset
from search.study import (
    Budget,
    Choices,
    Evaluation,
    SamplerSpec,
    StudySpec,
    TrialRecord,
    TrialsChanged,
)

ROWS = 120
SPEC = StudySpec(
    dataset="oscillator",
    space={
        "activation": Choices(values=("relu", "tanh")),
        "width": Choices(values=(16,)),
        "learning_rate": Choices(values=(0.01,)),
        "depth": Choices(values=(1,)),
    },
    sampler=SamplerSpec(seed=0),
    budget=Budget(trials=3, epochs=6),
    evaluation=Evaluation(folds=2, confirm_top=0),
)


def oscillator() -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Two features and a target on a grid of 1/1024, so that offsets are added exactly."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"temperature": rng.normal(size=ROWS), "volt": rng.normal(size=ROWS)})
    y = 2 * features["temperature"] + np.tanh(features["volt"]) + 0.1 * rng.normal(size=ROWS)
    return features, np.round(y.to_numpy() * 1024) / 1024


def dataset_of(y: NDArray[np.float64]) -> Dataset:
    return build_dataset(oscillator()[0].assign(frequency=y), target="frequency", name="t")


def relative_scores(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """R2, mse over variance and mae over the standard deviation of every trial, (trials, 3)."""
    spread = np.std(y - y[0])
    trials: dict[int, TrialRecord] = {}
    for event in run_study(SPEC, dataset_of(y)):
        if isinstance(event, TrialsChanged):
            trials |= {record.number: record for record in event.trials}
    complete = [r.metrics for r in trials.values() if r.state is TrialState.COMPLETE]
    assert len(complete) >= 2  # one may be pruned
    return np.array([[m["r2"], m["mse"] / spread**2, m["mae"] / spread] for m in complete])


@pytest.fixture(scope="module")
def expected() -> NDArray[np.float64]:
    return relative_scores(oscillator()[1])


@pytest.mark.parametrize("factor", [1e-100, 1e36, 1e60, 1e100])
def test_scores_do_not_depend_on_the_unit(factor: float, expected: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(relative_scores(oscillator()[1] * factor), expected, rtol=1e-6)


@pytest.mark.parametrize("shift", [1e3, 1e7, 1e9])
def test_scores_do_not_depend_on_the_origin(shift: float, expected: NDArray[np.float64]) -> None:
    y = oscillator()[1]
    np.testing.assert_allclose(relative_scores(y + shift * np.std(y)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda y: y * 1e145, "values beyond 1e\\+140, whose squared errors would overflow"),
        (lambda y: y * 1e-145, "standard deviation of .*e-145, but at least 1e-140"),
        (lambda y: y + 1e11, "standard deviations from 0, but at most 2e\\+09"),
    ],
)
def test_a_target_beyond_the_digits_of_float64_is_refused(change: object, sentence: str) -> None:
    assert callable(change)
    with pytest.raises(InvalidDataset, match=sentence) as caught:
        dataset_of(change(oscillator()[1]))
    assert caught.value.pointer == "/target"


def test_shift_that_the_refusal_proposes_helps() -> None:
    y = oscillator()[1]
    with pytest.raises(InvalidDataset) as caught:
        dataset_of(y + 1e11)
    constant = float(str(caught.value).rpartition("such as ")[2].removesuffix(" from it"))
    assert replace(dataset_of(y + 1e11 - constant), id="t").y.std() == pytest.approx(y.std())
