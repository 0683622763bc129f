"""A segment: some lanes trained from one epoch to another. A pure function of its arguments.

Same arguments, same result, in whatever process and whatever company a lane is trained. That one
property gives resuming, pruning at rungs, repacking of survivors and distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.data.fold_arrays import Prepared
from search.engines.compiled import can_compile
from search.engines.engine import Engine, Training
from search.engines.minibatches import Minibatches
from search.engines.stacked.engine import StackedEngine
from search.engines.stacked.parameters import Shape
from search.metrics import get_metric
from search.networks.lane import Lane, LaneState
from search.networks.losses import LOSSES
from search.study import LayerSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What to train: lanes of equal stack key, epochs (first, last], counted from 1."""

    lanes: tuple[Lane, ...]
    #: Epochs already made.
    first: int
    #: Epoch to train to, inclusive.
    last: int
    #: Epochs of the whole training; decides the learning-rate schedule.
    epochs: int
    #: Epochs after which validation rows are scored, within (first, last].
    evaluate_at: tuple[int, ...]
    #: Names of the metrics to score.
    metrics: tuple[str, ...]
    #: Whether the lanes' states are wanted back, to go on or to keep the weights.
    keep_states: bool
    #: One a lane, None for fresh weights; none at all if every lane starts from those.
    states: tuple[LaneState | None, ...] = ()
    #: Epochs after which the layers are looked into, 0 being before the first step.
    probe_at: tuple[int, ...] = ()
    dtype: str = "float32"
    device: str = "cpu"
    #: Whether lanes are trained one by one by compiled code instead of together by torch's kernels;
    #: None: where they can be.
    compiled: bool | None = None


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


@torch.inference_mode()
def train_segment(segment: Segment, data: Prepared) -> tuple[LaneReport, ...]:
    """Train the lanes of `segment` on `data`; one report a lane, in the order of its lanes."""
    started = perf_counter()
    shape = Shape(
        features=data.features_in,
        outputs=data.outputs,
        dtype=getattr(torch, segment.dtype),
        device=segment.device,
    )
    lanes = segment.lanes
    batches = Minibatches(lanes, data, shape)
    training = Training(
        lanes=lanes,
        states=segment.states or (None,) * len(lanes),
        data=data,
        batches=batches,
        epochs=segment.epochs,
        probe_at=segment.probe_at,
        shape=shape,
    )
    compiled = can_compile(segment.device) if segment.compiled is None else segment.compiled
    engine = _compiled_engine(training) if compiled else StackedEngine(training)
    judge = _Judge(lanes, data, shape, segment.metrics)
    curves = [_Evaluation() for _ in lanes]
    done = segment.first
    between = (e for e in segment.evaluate_at if segment.first < e < segment.last)
    for epoch in (*sorted(between), segment.last):
        losses = engine.train(done, epoch)
        if epoch in segment.evaluate_at:
            steps = (epoch - done) * batches.plan.steps
            judge.evaluate(engine.logits(), epoch, [loss / steps for loss in losses], curves)
        done = epoch
    share = (perf_counter() - started) / len(lanes)
    reports = []
    for index, (lane, curve) in enumerate(zip(lanes, curves, strict=True)):
        wanted = segment.keep_states and curve.failure is None
        reports.append(
            LaneReport(
                trial=lane.trial,
                fold=lane.fold,
                epochs=tuple(curve.epochs),
                train_loss=tuple(curve.train_loss),
                validation_loss=tuple(curve.validation_loss),
                scores={name: tuple(values) for name, values in curve.scores.items()},
                failure=curve.failure,
                state=engine.state(index) if wanted else None,
                seconds=share,
                layers=engine.snapshots(index),
            )
        )
    return tuple(reports)


def _compiled_engine(training: Training) -> Engine:
    # Imported here because Numba may be missing, and takes a third of a second.
    from search.engines.compiled.engine import CompiledEngine  # noqa: PLC0415

    return CompiledEngine(training)


class _Judge:
    """Scores the validation rows of every lane's fold."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        data: Prepared,
        shape: Shape,
        metrics: tuple[str, ...],
    ) -> None:
        self._lanes = lanes
        self._metrics = [get_metric(name) for name in metrics]
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


def evaluations(epochs: int, rungs: Sequence[int]) -> tuple[int, ...]:
    """Epochs to evaluate after: each of up to ten, else ten evenly spread, and all rungs."""
    even = {round(epochs * i / 10) for i in range(1, 11)} if epochs > 10 else range(1, epochs + 1)
    return tuple(sorted({*even, *rungs}))
