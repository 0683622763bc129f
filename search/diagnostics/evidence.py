"""The evidence of a training: configuration, losses and layer statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from search.study import LayerSnapshot, ParamValue, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEvidence:
    """A training as far as it has come: one lane, or a trial by its means over folds."""

    params: Mapping[str, ParamValue]
    layers: Sequence[LayerSnapshot]
    #: Mean loss of the epochs since the evaluation before, one entry an evaluation.
    train_loss: Sequence[float]
    validation_loss: Sequence[float]
    #: Loss of the best constant prediction, see `chance_loss`.
    chance: float
    #: Whether the last epoch is made.
    complete: bool
    #: Epochs of the whole training.
    epochs: int
    #: Epochs after which the losses were taken, counted from 1.
    evaluated_at: Sequence[int] = ()
    #: Why the engine gave it up; None where it did not.
    failure: str | None = None

    @property
    def unexplained(self) -> float:
        """The last training loss over that of chance; infinite where there is none."""
        return self.train_loss[-1] / self.chance if self.train_loss and self.chance else inf

    @property
    def unlearned(self) -> float:
        """The lesser of the last training and validation loss, over that of chance.

        Dropout raises the training loss of a network that has learned, and a network that has
        memorized its rows has the greater loss on the others: neither has learned nothing.
        """
        if not self.validation_loss or not self.chance:
            return self.unexplained
        return min(self.unexplained, self.validation_loss[-1] / self.chance)

    def statistic(self, name: str, place: int = -1) -> tuple[float, ...]:
        """One statistic of the snapshot at `place`, a number a layer; empty where not taken."""
        return self.layers[place].statistics.get(name, ()) if self.layers else ()


def evidence_of(
    record: TrialRecord, chance: float, *, epochs: int, complete: bool, failure: str | None = None
) -> TrainingEvidence:
    """Return the evidence of a trial, by its means over folds.

    `chance` is the loss of the best constant prediction, `complete` whether all `epochs` were made,
    `failure` the engine's sentence where it gave the trial up.
    """
    return TrainingEvidence(
        params=record.params,
        layers=record.layers,
        train_loss=_mean([curve.train_loss for curve in record.curves]),
        validation_loss=_mean([curve.validation_loss for curve in record.curves]),
        chance=chance,
        complete=complete,
        epochs=epochs,
        evaluated_at=min((curve.epochs for curve in record.curves), key=len, default=()),
        failure=failure,
    )


def _mean(by_fold: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Mean over folds of as many evaluations as all of them have."""
    return tuple(sum(losses) / len(losses) for losses in zip(*by_fold, strict=False))
