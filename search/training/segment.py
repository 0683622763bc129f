"""A segment: some lanes trained from one epoch to another. A pure function of its arguments.

Same arguments, same result, in whatever process and whatever company a lane is trained. That one
property gives resuming, pruning at rungs, repacking of survivors and distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import torch

from search.data.fold_arrays import TrainingData
from search.engines.compiled import can_compile
from search.engines.engine import Engine, Training
from search.engines.minibatches import Minibatches
from search.engines.stacked.engine import StackedEngine
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState
from search.training.scoring import LaneReport, Scorer, _Evaluation


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


@torch.inference_mode()
def train_segment(segment: Segment, data: TrainingData) -> tuple[LaneReport, ...]:
    """Train the lanes of `segment` on `data`; one report a lane, in the order of its lanes."""
    started = perf_counter()
    shape = Dimensions(
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
        dimensions=shape,
    )
    compiled = can_compile(segment.device) if segment.compiled is None else segment.compiled
    engine = _compiled_engine(training) if compiled else StackedEngine(training)
    judge = Scorer(lanes, data, shape, segment.metrics)
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
