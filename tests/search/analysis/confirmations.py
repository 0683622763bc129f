"""Confirmations drawn from a model in which the truth is known, for tests and simulations.

A study has rows in blocks. The score of a network on a row is the arm's true score, plus the luck
of the network's search, plus how well row and arm, and row and network, suit each other, plus the
noise of a training, common to all rows and for each by itself. Splits of a repeat shift all
networks of an arm alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.activations import ACTIVATIONS
from search.metrics import Direction, get_metric
from search.study import BlockSums, ConfirmationRun, Role, Stage

NAMES = tuple(row.name for row in ACTIVATIONS.values() if row.hidden)
Rng = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Model:
    """How a confirmation is drawn; standard deviations in units of the score."""

    #: True score of each arm: the mean over rows and searches.
    truth: Sequence[float] = (0.1, 0.1)
    searches: int = 4
    folds: int = 3
    repeats: int = 8
    rows: int = 1500
    blocks: int = 100
    #: Of a network's true score between searches; one number, or one an arm.
    luck: float | Sequence[float] = 0.01
    #: Of a network's score by a training.
    training: float = 0.005
    #: Of an arm's score by the splits of a repeat.
    splits: float = 0.002
    #: Of a row's score: common to all, to an arm, to a network, and of one training.
    row: float = 0.3
    row_arm: float = 0.1
    row_network: float = 0.1
    row_training: float = 0.1

    def runs(
        self,
        rng: Rng,
        *,
        metric: str = "log_loss",
        names: Sequence[str] = NAMES,
        repeats: Mapping[str, int] | None = None,
        baseline: bool = False,
    ) -> list[ConfirmationRun]:
        """Draw one confirmation; `repeats` of an arm where it has fewer."""
        counts = np.full(self.blocks, self.rows // self.blocks)
        counts[: self.rows % self.blocks] += 1
        common = self._row_noise(rng, self.row, counts)
        folds = np.arange(self.rows) % self.folds
        block = np.repeat(np.arange(self.blocks), counts)
        found: list[ConfirmationRun] = []
        splits = [rng.permutation(folds) for _ in range(self.repeats)]
        scored = np.array(
            [
                [np.bincount(block[s == f], minlength=self.blocks) for f in range(self.folds)]
                for s in splits
            ]
        )  # (R, F, B)
        # A name of one arm and, last, the baseline.
        truth = [*self.truth, *([self.truth[0]] if baseline else [])]
        for position, level in enumerate(truth):
            is_baseline = baseline and position == len(self.truth)
            name = names[0] if is_baseline else names[position]
            luck = (
                self.luck
                if isinstance(self.luck, int | float)
                else self.luck[position % len(self.luck)]
            )
            suits = common + self._row_noise(rng, self.row_arm, counts)
            shifts = self.splits * rng.standard_normal(self.repeats)
            for search in range(1 if is_baseline else self.searches):
                own = suits + self._row_noise(rng, self.row_network, counts)
                quality = level + luck * rng.standard_normal()
                for repeat in range((repeats or {}).get(name, self.repeats)):
                    noise = self._row_noise(rng, self.row_training, counts)
                    value = (
                        quality
                        + shifts[repeat]
                        + self.training * rng.standard_normal()
                        + own
                        + noise
                    )
                    for fold in range(self.folds):
                        rows = scored[repeat, fold]
                        found.append(
                            a_run(
                                sums=value * rows,
                                rows=rows,
                                metric=metric,
                                arm=name,
                                role=Role.BASELINE if is_baseline else Role.CANDIDATE,
                                search=None if is_baseline else search,
                                trial=None if is_baseline else 100 * position + search,
                                repeat=repeat,
                                fold=fold,
                            )
                        )
        return found

    def _row_noise(self, rng: Rng, sd: float, counts: NDArray[np.int_]) -> Floats:
        """Return the mean over the rows of each block of noise of the rows."""
        noise: Floats = sd * rng.standard_normal(len(counts)) / np.sqrt(counts)
        return noise


def a_run(
    *,
    sums: Sequence[float] | Floats,
    rows: Sequence[int] | NDArray[np.int_],
    arm: str,
    metric: str = "log_loss",
    search: int | None = 0,
    role: Role = Role.CANDIDATE,
    trial: int | None = 0,
    repeat: int = 0,
    fold: int = 0,
    verdict: int = 0,
    failed: bool = False,
) -> ConfirmationRun:
    """Return one run of an arm, whose score is the mean over its rows."""
    score = float(np.sum(sums) / np.sum(rows))
    return ConfirmationRun(
        trial=trial,
        activation=arm if arm in NAMES else "relu",
        arm=arm,
        search=search,
        stage=Stage.CONFIRM,
        verdict=verdict,
        role=role,
        params={"activation": arm, "number": -1 if trial is None else trial},
        repeat=repeat,
        fold=fold,
        scores={} if failed else {metric: score},
        failure="the training loss was not finite by epoch 30" if failed else None,
        train_rows=2 * int(np.sum(rows)),
        validation_rows=int(np.sum(rows)),
        fit_seconds=0.5,
        blocks=None
        if failed
        else BlockSums(sums=tuple(map(float, sums)), rows=tuple(map(int, rows))),
    )


def runs_of(
    scores: Mapping[str, Sequence[Sequence[float | None]]],
    *,
    metric: str = "accuracy",
    folds: int = 3,
    baseline: Sequence[float | None] = (),
    rows: int = 100,
    blocks: int = 20,
    spread: float = 0.02,
) -> list[ConfirmationRun]:
    """Return runs with the `scores` of each arm: searches x resamples; None for a failed run.

    Blocks of rows differ by `spread`, for each network by itself, and average to the score.
    """
    is_better = get_metric(metric).direction is Direction.MAXIMIZE
    found: list[ConfirmationRun] = []
    number = 0
    table = [(name, row, number) for name, lines in scores.items() for row in lines]
    lines = [(*entry[:2], index, Role.CANDIDATE) for index, entry in enumerate(table)]
    lines += [("relu", baseline, None, Role.BASELINE)] if len(baseline) else []
    seen: dict[str, int] = {}
    for name, row, trial, role in lines:
        search = seen[name] = seen.get(name, -1) + 1
        rng = np.random.default_rng((len(found), is_better))
        offset = rng.standard_normal(blocks)
        size = max((abs(s) for s in row if s is not None), default=0.0)
        offset *= spread * size
        offset -= offset.mean()
        for cell, score in enumerate(row):
            counts = np.full(blocks, rows // blocks)
            found.append(
                a_run(
                    sums=((score or 0.0) + offset) * counts,
                    rows=counts,
                    metric=metric,
                    arm=name,
                    search=None if role is Role.BASELINE else search,
                    trial=trial,
                    role=role,
                    repeat=cell // folds,
                    fold=cell % folds,
                    failed=score is None,
                )
            )
    return found
