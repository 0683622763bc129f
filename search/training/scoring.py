"""Scores of lanes on the validation rows of their splits.

Notation: L lanes, C outputs, M validation rows of the largest split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from search.data.fold_arrays import TrainingData
from search.data.row_blocks import block_sums
from search.metrics import get_metric
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState
from search.networks.losses import LOSSES
from search.study import BlockSums, LayerSnapshot, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReport:
    """Results of one lane in one segment; the tuples have one entry per evaluation."""

    #: `configuration`, `repeat` and `fold` of the lane.
    configuration: int
    repeat: int = 0
    fold: int
    #: Epochs, counted from 1, after which the lane was evaluated.
    epochs: tuple[int, ...]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    #: Validation scores by name of the metric.
    scores: Mapping[str, tuple[float, ...]]
    #: Reason why the lane failed, a sentence; None where it did not.
    failure: str | None
    #: State after the last epoch; None where it is not wanted or the lane failed. At the end of
    #: the training it holds the weights to keep.
    state: LaneState | None
    #: Share of the lane in the segment's wall time.
    seconds: float
    #: One entry per epoch of `Segment.probe_at` that the lane made.
    layers: tuple[LayerSnapshot, ...] = ()
    #: Epoch whose network was scored last, where the best epoch is kept.
    best_epoch: int | None = None
    #: Contributions of the validation rows to the first metric after the last epoch; None where
    #: the segment does not end the training, the folds have no blocks, or the lane failed.
    blocks: BlockSums | None = None


@dataclass(slots=True)
class LaneCurves:
    """Curves of one lane, extended by `Scorer.evaluate` while a segment runs."""

    epochs: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    failure: str | None = None
    blocks: BlockSums | None = None


class Scorer:
    """Scores every lane on the validation rows of its split."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        data: TrainingData,
        dimensions: Dimensions,
        metrics: tuple[str, ...],
    ) -> None:
        self._lanes = lanes
        self._metrics = [get_metric(name) for name in metrics]
        self._task = data.task
        self._loss = LOSSES[data.task]
        self._splits = data.folds
        #: Positions of the lanes that share a split, by split: they are scored by one call.
        self._by_split: dict[int, list[int]] = {}
        for index, lane in enumerate(lanes):
            self._by_split.setdefault(lane.split, []).append(index)
        self._dimensions = dimensions
        self._block_count = data.block_count

    def evaluate(
        self,
        logits: Tensor,
        epoch: int,
        train_loss: list[float],
        curves: list[LaneCurves],
        *,
        with_blocks: bool = False,
    ) -> None:
        """Append the scores after `epoch` to the curves, or the reason why a lane failed.

        `logits` is (L, C, M) as from `Engine.logits`; `train_loss` and `curves` have one entry a
        lane. The curves of a lane end where it fails. `with_blocks` adds the contributions of rows
        to the first metric, where the folds have blocks.
        """
        for split, members in self._by_split.items():
            arrays = self._splits[split]
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
            contributions = None
            if with_blocks and arrays.blocks is not None:
                contributions = self._metrics[0].rows(arrays.target_validation, prediction)
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
                if contributions is not None and arrays.blocks is not None:
                    curve.blocks = block_sums(
                        contributions[position], arrays.blocks, self._block_count
                    )

    def _validation_loss(self, logits: Tensor, y: NDArray[np.generic]) -> list[float]:
        target = self._dimensions.target(y)
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
