"""A segment: a stack trained from one epoch to another. A pure function of its arguments.

Same arguments, same result, in whatever process and whatever company a lane is trained. That one
property gives resuming, pruning at rungs, repacking of survivors and distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.compiled import can_compile
from search.descent import make_descent
from search.diagnosis import LayerSnapshot
from search.lane import KernelKey, Lane, LaneState
from search.losses import LOSSES
from search.metrics import get_metric
from search.minibatches import Minibatches
from search.parameters import Parameters, Shape
from search.prepared import Prepared
from search.probe import Probe
from search.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What to train: lanes of equal stack key, epochs (first, last], counted from 1."""

    lanes: tuple[Lane, ...]
    #: One a lane; None starts from fresh weights.
    states: tuple[LaneState | None, ...]
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
    #: Epochs after which the layers are looked into, 0 being before the first step.
    probe_at: tuple[int, ...] = ()
    dtype: str = "float32"
    device: str = "cpu"
    #: Whether passes are compiled loops instead of torch's kernels; None: where they can be.
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
    # Deepest first, as the stack wants them, and equal kernels and trials side by side; results go
    # back in the order they were asked for.
    order = sorted(range(len(segment.lanes)), key=lambda i: _place(segment.lanes[i]))
    lanes = [segment.lanes[i] for i in order]
    shape = Shape(
        features=data.features_in,
        outputs=data.outputs,
        dtype=getattr(torch, segment.dtype),
        device=segment.device,
        compiled=can_compile(segment.device) if segment.compiled is None else segment.compiled,
    )
    parameters = Parameters(lanes, [segment.states[i] for i in order], shape)
    config = lanes[0].config
    batches = Minibatches(lanes, data, shape, layers=config.depth, width=config.width)
    stack = Stack(parameters, rows=batches.plan.rows, task=data.task, shape=shape)
    descent = make_descent(parameters, steps_total=segment.epochs * batches.plan.steps, shape=shape)
    probe = Probe(descent, stack, parameters, batches, segment.probe_at, shape)
    judge = _Judge(lanes, data, shape, batches, segment.metrics)
    curves = [_Evaluation() for _ in lanes]
    loss = torch.zeros(len(lanes), dtype=shape.dtype, device=shape.device)
    unread = 0
    for epoch in range(segment.first + 1, segment.last + 1):
        step = (epoch - 1) * batches.plan.steps
        drops = batches.noise("dropout", epoch) if stack.drops else repeat(None)
        slopes = batches.noise("slope", epoch) if stack.noisy else repeat(None)
        for (x, y), drop, slope in zip(batches.epoch(epoch), drops, slopes, strict=False):
            stack.forward(x, training=True, dropout_noise=drop, slope_noise=slope)
            loss += stack.backward(x, y)
            probe.step(step)
            step += 1
        unread += batches.plan.steps
        if epoch in segment.evaluate_at:
            judge.evaluate(stack, epoch, (loss / unread).tolist(), curves)
            loss.zero_()
            unread = 0
    share = (perf_counter() - started) / len(lanes)
    reports: list[LaneReport | None] = [None] * len(lanes)
    for index, (lane, curve) in enumerate(zip(lanes, curves, strict=True)):
        wanted = segment.keep_states and curve.failure is None
        reports[order[index]] = LaneReport(
            trial=lane.trial,
            fold=lane.fold,
            epochs=tuple(curve.epochs),
            train_loss=tuple(curve.train_loss),
            validation_loss=tuple(curve.validation_loss),
            scores={name: tuple(values) for name, values in curve.scores.items()},
            failure=curve.failure,
            state=parameters.state(index) if wanted else None,
            seconds=share,
            layers=probe.snapshots(index),
        )
    return tuple(report for report in reports if report is not None)


def _place(lane: Lane) -> tuple[int, KernelKey, int, int]:
    return (-lane.config.depth, lane.config.kernel_key, lane.trial, lane.fold)


class _Judge:
    """Scores the validation rows of every lane's fold."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        data: Prepared,
        shape: Shape,
        batches: Minibatches,
        metrics: tuple[str, ...],
    ) -> None:
        self._lanes = lanes
        self._batches = batches
        self._metrics = [get_metric(name) for name in metrics]
        self._loss = LOSSES[data.task]
        self._folds = data.folds
        self._members: dict[int, list[int]] = {}
        for index, lane in enumerate(lanes):
            self._members.setdefault(lane.fold, []).append(index)
        streams = [data.folds[fold] for fold, _ in sorted({lane.stream for lane in lanes})]
        most = max(len(fold.x_validation) for fold in streams)
        padded = -(-most // batches.plan.rows) * batches.plan.rows
        #: Validation rows by stream, repeated up to whole minibatches, (S, M, D).
        self._x = torch.stack(
            [
                torch.from_numpy(np.resize(fold.x_validation, (padded, shape.features)))
                for fold in streams
            ]
        ).to(shape.device, shape.dtype)
        self._shape = shape

    def evaluate(
        self, stack: Stack, epoch: int, train_loss: list[float], curves: list[_Evaluation]
    ) -> None:
        """Append the scores after `epoch` to every lane's curve, or why the lane failed."""
        logits = self._logits(stack)
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

    def _logits(self, stack: Stack) -> Tensor:
        """Logits of all validation rows, (L, C, M)."""
        parts = torch.split(self._x, stack.rows, dim=1)
        return torch.cat(
            [stack.forward(self._batches.spread(x), training=False).clone() for x in parts], dim=2
        )

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
