"""Surrogates of the reference work: a trial's log losses in microseconds instead of training it.

`ForestSurrogate`: a random forest learns the losses at the rungs from real trainings of
configurations that are drawn at random; a made-up training is the forest's prediction times a noise
of the size that repeated trainings of one configuration show. Eggensperger, Hutter, Hoos &
Leyton-Brown (2015), Efficient Benchmarking of Hyperparameter Optimizers via Surrogates.

`AnalyticSurrogate`: a formula of the same shape, at once, for many seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState
from sklearn.ensemble import RandomForestRegressor

from search.data.datasets import load_builtin
from search.driver import run_study
from search.study import Control, ParamValue, TrialRecord, TrialRequest, TrialsChanged
from tests.benchmarks.work import (
    ACTIVATIONS,
    EPOCHS,
    INITIALIZERS,
    SLOPES,
    evaluation_epochs,
    study_body,
    to_spec,
)

Floats = NDArray[np.float64]


class Surrogate(Protocol):
    """Made-up trainings of configurations of the reference work."""

    @property
    def epochs(self) -> tuple[int, ...]:
        """The E epochs whose losses are known, ascending."""

    def trainings(
        self, trials: Sequence[Mapping[str, ParamValue]], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return the expected losses and those of one noisy training of each trial, (T, E) both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestSurrogate:
    """A model of log losses over E epochs, and the noise of a training."""

    forest: RandomForestRegressor
    epochs: tuple[int, ...]  # (E,)
    #: Differences of the logarithms of two trainings' losses, over the root of 2; (R, E).
    noise: Floats
    #: Share of the variance of the last log loss that the forest explains out of its bag.
    explained: float

    def losses(self, trials: Sequence[Mapping[str, ParamValue]]) -> Floats:
        """Return the expected log loss of each trial at each epoch, (T, E)."""
        features = np.array([encode(params) for params in trials])
        predicted: Floats = np.exp(self.forest.predict(features))
        return predicted

    def trainings(
        self, trials: Sequence[Mapping[str, ParamValue]], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return the expected losses and those of one noisy training of each trial, (T, E) both."""
        expected = self.losses(trials)
        drawn = self.noise[rng.integers(len(self.noise), size=len(trials))]
        sign = rng.choice([-1.0, 1.0], size=(len(trials), 1))
        return expected, expected * np.exp(sign * drawn)


#: Log loss of each activation at its best, and how slowly it falls to that.
_BASES = (0.10, 0.095, 0.10, 0.11, 0.12, 0.10, 0.105, 0.10, 0.12, 0.18)
_SLOWNESS = {"tanh": 4.0, "sigmoid": 8.0}
#: Factor of each initializer.
_FACTORS = (1.1, 1.0, 1.05, 0.97)
#: Standard deviation of the logarithm of a training's loss.
_NOISE = 0.12


class AnalyticSurrogate:
    """Losses by a formula, with one best learning rate a depth, depth 2 and slope 0.15 best."""

    epochs = evaluation_epochs(EPOCHS)

    def trainings(
        self, trials: Sequence[Mapping[str, ParamValue]], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return the expected losses and those of one noisy training of each trial, (T, E) both."""
        expected = np.array([self._expected(params) for params in trials])
        return expected, expected * np.exp(rng.normal(size=(len(trials), 1)) * _NOISE)

    def _expected(self, params: Mapping[str, ParamValue]) -> list[float]:
        activation, depth = str(params["activation"]), float(params["depth"] or 0)
        best_rate = -2.4 - 0.12 * (depth - 2.0) + (0.3 if activation in _SLOWNESS else 0.0)
        off = float(np.log10(float(params["learning_rate"] or 1.0))) - best_rate
        loss = _BASES[ACTIVATIONS.index(activation)]
        loss *= _FACTORS[INITIALIZERS.index(str(params["initializer"]))]
        loss *= (1.0 + 0.06 * (depth - 2.0) ** 2) * float(np.exp(0.9 * off**2))
        for name in SLOPES.values():
            if name in params:
                loss *= 1.0 + 1.5 * (float(params[name] or 0.0) - 0.15) ** 2
        slowness = _SLOWNESS.get(activation, 2.0)
        return [loss * (1.0 + slowness / epoch) for epoch in self.epochs]


def fit_surrogate(trials: int = 800, repeated: int = 100) -> ForestSurrogate:
    """Train `trials` random configurations, `repeated` of them twice, and fit the forest."""
    found = list(_trainings(trials, ()))
    again = [
        TrialRequest(id=str(record.number), params=dict(record.params))
        for record in found[:repeated]
    ]
    # The study's seed draws the split, which must be the same; initial weights differ by number.
    twice = {
        record.request_id: record
        for record in _trainings(2 * repeated, again)
        if record.request_id is not None
    }
    epochs = evaluation_epochs(EPOCHS)
    pairs = [
        (_log_losses(record, epochs), _log_losses(twice[str(record.number)], epochs))
        for record in found[:repeated]
        if str(record.number) in twice
    ]
    forest = RandomForestRegressor(
        100, min_samples_leaf=2, max_features=0.7, oob_score=True, random_state=0, n_jobs=1
    )
    features = np.array([encode(record.params) for record in found])
    targets = np.array([_log_losses(record, epochs) for record in found])
    forest.fit(features, targets)
    last, predicted = targets[:, -1], forest.oob_prediction_[:, -1]
    noise = np.array([first - second for first, second in pairs]) / np.sqrt(2.0)
    return ForestSurrogate(
        forest=forest,
        epochs=epochs,
        noise=noise,
        explained=float(1.0 - np.mean((last - predicted) ** 2) / np.var(last)),
    )


def encode(params: Mapping[str, ParamValue]) -> list[float]:
    """Return a configuration of the reference work as numbers; names are one column each."""
    slopes = [float(params.get(name) or 0.0) for name in SLOPES.values()]
    return [
        *(float(params["activation"] == name) for name in ACTIVATIONS),
        *(float(params["initializer"] == name) for name in INITIALIZERS),
        float(params["depth"] or 0),
        float(np.log(float(params["learning_rate"] or 1.0))),
        *slopes,
    ]


def _trainings(trials: int, requests: Sequence[TrialRequest]) -> Iterator[TrialRecord]:
    """Yield the completed trials of a random study that begins with `requests`."""
    body: dict[str, Any] = study_body(trials=trials, fair=False)
    body["sampler"] = {"name": "random", "seed": 0, "min_trials_per_activation": 0}
    spec = to_spec(body)
    control = Control(requests=tuple(requests))
    last: dict[int, TrialRecord] = {}
    for event in run_study(spec, load_builtin(spec.dataset), control=lambda: control):
        if isinstance(event, TrialsChanged):
            last |= {record.number: record for record in event.trials}
    for record in sorted(last.values(), key=lambda record: record.number):
        if record.state is TrialState.COMPLETE:
            yield replace(record, curves=())


def _log_losses(record: TrialRecord, epochs: Sequence[int]) -> Floats:
    values = np.array([record.intermediate_values[epoch] for epoch in epochs])
    logarithms: Floats = np.log(np.maximum(values, 1e-3))
    return logarithms
