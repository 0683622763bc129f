"""Scores of lanes on the validation rows of their folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.data.fold_arrays import TrainingData
from search.metrics import get_metric
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState
from search.networks.losses import LOSSES
from search.study import LayerSnapshot, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReport:
    """What happened to one lane; the tuples have one entry per evaluation."""

    trial: int
    fold: int
    epochs: tuple[int, ...]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    scores: Mapping[str, tuple[float, ...]]
    #: Why the lane failed, a sentence; None where it is well.
    failure: str | None
    state: LaneState | None
    #: This lane's share of the segment's wall time.
    seconds: float
    #: One entry per epoch of `probe_at`.
    layers: tuple[LayerSnapshot, ...] = ()


@dataclass(slots=True)
class _Evaluation:
    """One lane's curves while they grow."""

    epochs: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    failure: str | None = None


class Scorer:
    """Scores the validation rows of every lane's fold."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        data: TrainingData,
        shape: Dimensions,
        metrics: tuple[str, ...],
    ) -> None:
        self._lanes = lanes
        self._metrics = [get_metric(name) for name in metrics]
        self._task = data.task
        self._loss = LOSSES[data.task]
        self._folds = data.folds
        self._members: dict[int, list[int]] = {}
        for index, lane in enumerate(lanes):
            self._members.setdefault(lane.fold, []).append(index)
        self._shape = shape

    def evaluate(
        self, logits: Tensor, epoch: int, train_loss: list[float], curves: list[_Evaluation]
    ) -> None:
        """Append the scores after `epoch` to every lane's curve, or why the lane failed.

        `logits` (L, C, M) as `Engine.logits` gives them.
        """
        for fold, members in self._members.items():
            arrays = self._folds[fold]
            own = logits[members, :, : len(arrays.y_validation)]
            loss = self._validation_loss(own, arrays.y_validation)
            prediction = self._loss.predict(own).cpu().numpy()
            if self._task is Task.REGRESSION:
                # In float64: float32 has no digits left for a small spread on a large offset.
                prediction = prediction.astype(np.float64)
                prediction = prediction * arrays.target_scale + arrays.target_mean
            scores = {
                metric.name: metric.score(arrays.target_validation, prediction)
                for metric in self._metrics
            }
            for position, index in enumerate(members):
                curve = curves[index]
                if curve.failure is not None:
                    continue
                curve.failure = _failure(self._lanes[index], epoch, train_loss[index])
                if curve.failure is not None:
                    continue
                curve.epochs.append(epoch)
                curve.train_loss.append(train_loss[index])
                curve.validation_loss.append(loss[position])
                for name, values in scores.items():
                    curve.scores.setdefault(name, []).append(float(values[position]))

    def _validation_loss(self, logits: Tensor, y: NDArray[np.generic]) -> list[float]:
        target = torch.from_numpy(y).to(self._shape.device)
        if target.is_floating_point():
            target = target.to(self._shape.dtype)
        losses: list[float] = self._loss.value(logits, target.expand(len(logits), -1)).tolist()
        return losses


def _failure(lane: Lane, epoch: int, train_loss: float) -> str | None:
    if np.isfinite(train_loss):
        return None
    config = lane.config
    return (
        f"training loss became {train_loss} by epoch {epoch} in fold {lane.fold} "
        f"(learning rate {config.learning_rate:.3g}, {config.initializer}, depth {config.depth}); "
        "lower the learning rate or set gradient_clip to 1.0"
    )
