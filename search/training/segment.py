"""A segment: lanes trained together from one epoch to another, by a pure function.

The result of a lane depends neither on the process that trains it nor on the lanes beside it. That
one property gives resuming, pruning at rungs, repacking of survivors and distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import torch

from search.data.fold_arrays import TrainingData
from search.engines.engine import Engine, Trainer, Training
from search.engines.minibatches import Minibatches
from search.engines.stacked.engine import StackedEngine
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState
from search.training.backend import PROCESSOR, Backend, EngineName
from search.training.device import Device
from search.training.early_stopping import EarlyStopping
from search.training.parts import free_cuda_bytes, train_in_parts
from search.training.scoring import LaneCurves, LaneReport, Scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Lanes of equal stack key to be trained over the epochs (first, last], counted from 1."""

    lanes: tuple[Lane, ...]
    #: Epochs made by earlier segments.
    first: int
    #: Epoch to train to, inclusive.
    last: int
    #: Epochs of the whole training, over which the learning-rate schedule runs.
    epochs: int
    #: Epochs after which validation rows are scored, within (first, last].
    evaluate_at: tuple[int, ...]
    #: Names of the metrics to score.
    metrics: tuple[str, ...]
    #: Whether reports hold the lanes' states, to train on from or to keep the weights.
    keep_states: bool
    #: State that each lane starts from, None for initial weights; empty where all start anew.
    states: tuple[LaneState | None, ...] = ()
    #: Epochs after which layer statistics are sampled, 0 being before the first step.
    probe_at: tuple[int, ...] = ()
    #: Name of the torch dtype of weights, moments and activations.
    dtype: str = "float32"
    #: The device that trains, and the engine that trains on it.
    backend: Backend = PROCESSOR


def train_segment(segment: Segment, data: TrainingData) -> tuple[LaneReport, ...]:
    """Train the lanes of `segment` on `data`; return one report a lane, in the order of lanes.

    A lane whose loss is not finite fails, with the reason in its report; the others go on. Raises
    DeviceMemoryFull where one lane alone is too large for a GPU.
    """
    if segment.backend.device is Device.CPU:
        return _train(segment, data)
    torch.set_float32_matmul_precision("high" if segment.backend.tf32 else "highest")
    return train_in_parts(segment, data, _train, free_cuda_bytes)


@torch.inference_mode()
def _train(segment: Segment, data: TrainingData) -> tuple[LaneReport, ...]:
    started = perf_counter()
    dimensions = Dimensions(
        features=data.features_in,
        outputs=data.outputs,
        dtype=getattr(torch, segment.dtype),
        device=segment.backend.device,
    )
    lanes = segment.lanes
    batches = Minibatches(lanes, data, dimensions)
    training = Training(
        lanes=lanes,
        states=segment.states or (None,) * len(lanes),
        data=data,
        batches=batches,
        epochs=segment.epochs,
        probe_at=segment.probe_at,
        dimensions=dimensions,
    )
    engine = _ENGINES[segment.backend.trainer](training)
    stopping = EarlyStopping(training, engine) if lanes[0].config.keeps_best else None
    trainer: Trainer = stopping or engine
    scorer = Scorer(lanes, data, dimensions, segment.metrics)
    curves = [LaneCurves() for _ in lanes]
    done = segment.first
    between = (e for e in segment.evaluate_at if segment.first < e < segment.last)
    for epoch in (*sorted(between), segment.last):
        losses = trainer.train(done, epoch)
        if epoch in segment.evaluate_at:
            ended = epoch == segment.epochs
            scorer.evaluate(trainer.logits(), epoch, losses, curves, with_blocks=ended)
        done = epoch
    ends = segment.last == segment.epochs
    share = (perf_counter() - started) / len(lanes)
    reports = []
    for index, (lane, curve) in enumerate(zip(lanes, curves, strict=True)):
        wanted = segment.keep_states and curve.failure is None
        state = trainer.state(index) if wanted else None
        reports.append(
            LaneReport(
                configuration=lane.configuration,
                repeat=lane.repeat,
                fold=lane.fold,
                epochs=tuple(curve.epochs),
                train_loss=tuple(curve.train_loss),
                validation_loss=tuple(curve.validation_loss),
                scores={name: tuple(values) for name, values in curve.scores.items()},
                failure=curve.failure,
                state=state.kept if state and ends else state,
                seconds=share,
                layers=trainer.snapshots(index),
                best_epoch=stopping.best_epoch(index) if stopping else None,
                blocks=curve.blocks,
            )
        )
    return tuple(reports)


def _compiled_engine(training: Training) -> Engine:
    # Imported here because Numba may be missing, and its import takes a third of a second.
    from search.engines.compiled.engine import CompiledEngine  # noqa: PLC0415

    return CompiledEngine(training)


_ENGINES: Mapping[EngineName, Callable[[Training], Engine]] = {
    EngineName.COMPILED: _compiled_engine,
    EngineName.TORCH: StackedEngine,
}
