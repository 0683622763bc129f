"""Confirmation runs and whole studies drawn from a model in which the truth is known.

A study has 60 blocks of rows. What a configuration scores on a fold is its true score, plus the
mean over the fold's blocks of how well it happens to suit them, plus the noise of its seed. How
well it suits a block is partly common to all configurations of its activation. Folds of one repeat
share no block, those of different repeats do: the dependence that the corrected test is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.activations import ACTIVATIONS
from search.analysis.confirmation_scores import Configuration, ConfirmationScores, score_activations
from search.study import ConfirmationRun, Role

BLOCKS = 60
NAMES = tuple(row.name for row in ACTIVATIONS.values() if row.hidden)
Rng = np.random.Generator
Qualities = Callable[[Rng, int], NDArray[np.float64]]


def equal_qualities(rng: Rng, count: int) -> NDArray[np.float64]:
    """Every configuration is as good as every other."""
    return np.zeros(count)


def exponential_qualities(scale: float) -> Qualities:
    """Good configurations are rare, ever better ones ever rarer."""
    return lambda rng, count: scale * rng.exponential(size=count)


def peaked_qualities(scale: float, axes: int) -> Qualities:
    """Scores fall off quadratically from the best point of a box with `axes` sides."""
    return lambda rng, count: -scale * (rng.uniform(-1, 1, (count, axes)) ** 2).sum(axis=1)


@dataclass(frozen=True, kw_only=True)
class Model:
    """How a study is drawn; standard deviations are those of one fold's score."""

    activations: int = 10
    folds: int = 3
    repeats: int = 5
    trials: int = 20
    top: int = 3
    qualities: Qualities = equal_qualities
    #: Added to the true score of the activations in turn, 0 for the rest.
    effects: Sequence[float] = ()
    seed_sd: float = 1.0
    #: How configurations of one activation suit the rows: alike, and each for itself.
    activation_sd: float = 0.5
    configuration_sd: float = 0.5

    @property
    def ratio(self) -> float:
        """Validation rows over training rows."""
        return 1.0 / (max(self.folds, 5 if self.folds == 1 else 2) - 1)

    def parts(self, rng: Rng) -> list[NDArray[np.int_]]:
        """Blocks that each fold validates on; a single fold is a holdout of a fifth."""
        order = rng.permutation(BLOCKS)
        if self.folds == 1:
            return [order[: BLOCKS // 5]]
        return [order[start :: self.folds] for start in range(self.folds)]

    def draw(self, rng: Rng) -> dict[str, list[Configuration]]:
        """Search, keep the best of each activation, train them anew."""
        searched = _means(self.parts(rng))  # (F, B)
        confirmed = _means([part for _ in range(self.repeats) for part in self.parts(rng)])
        per_block = np.sqrt(BLOCKS / max(self.folds, 5 if self.folds == 1 else 2))
        found: dict[str, list[Configuration]] = {}
        for position, name in enumerate(NAMES[: self.activations]):
            truth = self.qualities(rng, self.trials)
            truth = truth + (self.effects[position] if position < len(self.effects) else 0.0)
            suits = per_block * (
                self.activation_sd * rng.standard_normal(BLOCKS)
                + self.configuration_sd * rng.standard_normal((self.trials, BLOCKS))
            )
            scores = truth + (suits @ searched.T).mean(axis=1)
            scores += self.seed_sd / np.sqrt(len(searched)) * rng.standard_normal(self.trials)
            found[name] = [
                configuration(
                    name,
                    truth[trial]
                    + confirmed @ suits[trial]
                    + self.seed_sd * rng.standard_normal(len(confirmed)),
                    trial=int(trial),
                )
                for trial in np.argsort(-scores)[: self.top]
            ]
        return found

    def confirmed(self, rng: Rng, *, baseline: bool = False) -> ConfirmationScores:
        """Draw a study; the baseline is a configuration of no skill and no search."""
        usual = None
        if baseline:
            one = Model(
                **{**vars(self), "activations": 1, "trials": 1, "top": 1, "effects": ()}
            ).draw(rng)
            usual = one[NAMES[0]][0]
        return ConfirmationScores(
            arms=score_activations(self.draw(rng), self.ratio),
            baseline=usual,
            failed=(),
            ratio=self.ratio,
            folds=self.folds,
            repeats=self.repeats,
            unit=1.0,
        )


def _means(parts: Sequence[NDArray[np.int_]]) -> NDArray[np.float64]:
    table = np.zeros((len(parts), BLOCKS))
    for row, part in zip(table, parts, strict=True):
        row[part] = 1.0 / len(part)
    return table


def configuration(activation: str, scores: Sequence[float], *, trial: int = 0) -> Configuration:
    return Configuration(
        trial=trial,
        activation=activation,
        params={"activation": activation},
        scores=np.asarray(scores, dtype=float),
        failures=0,
        fit_seconds=1.0,
    )


def runs_of(
    scores: Mapping[str, Sequence[Sequence[float | None]]],
    *,
    metric: str = "accuracy",
    folds: int = 3,
    baseline: Sequence[float | None] = (),
    first_trial: int = 0,
) -> list[ConfirmationRun]:
    """Return runs with the `scores` of each activation: configurations x resamples; None failed."""
    found: list[ConfirmationRun] = []
    number = first_trial
    for activation, table in scores.items():
        for row in table:
            found += _runs(row, activation, number, Role.CANDIDATE, metric, folds)
            number += 1
    return found + _runs(baseline, "relu", None, Role.BASELINE, metric, folds)


def _runs(
    row: Sequence[float | None],
    activation: str,
    trial: int | None,
    role: Role,
    metric: str,
    folds: int,
) -> list[ConfirmationRun]:
    return [
        ConfirmationRun(
            trial=trial,
            activation=activation,
            role=role,
            params={"activation": activation, "depth": 1 if trial is None else trial + 2},
            repeat=cell // folds,
            fold=cell % folds,
            scores={} if score is None else {metric: float(score)},
            failure=None if score is not None else "the training loss was not finite by epoch 30",
            train_rows=100 * (folds - 1 if folds > 1 else 4),
            validation_rows=100,
            fit_seconds=0.5,
        )
        for cell, score in enumerate(row)
    ]
