"""The engine of any device: the lanes of a segment as one stack, by torch's own kernels.

Notation as in `search.engines.stacked.stack`; S streams. The stack sorts the lanes, the deepest
first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from search.data.fold_arrays import Floats
from search.engines.engine import Training
from search.engines.probe_schedule import probe_rows
from search.engines.stacked.graphed import graphed
from search.engines.stacked.optimizer_step import StackOptimizer
from search.engines.stacked.parameters import Parameters
from search.engines.stacked.passes import Passes
from search.engines.stacked.probe import Probe
from search.engines.stacked.stack import Stack
from search.networks.lane import KernelKey, Lane, LaneState, Weights
from search.study import LayerSnapshot


class StackedEngine:
    """Trains all lanes at once, step by step."""

    def __init__(self, training: Training) -> None:
        batches, dimensions, task = training.batches, training.dimensions, training.data.task
        # Lanes of equal kernels and trials are neighbours, so that few calls activate and update
        # many lanes.
        order = sorted(range(len(training.lanes)), key=lambda i: _sort_key(training.lanes[i]))
        lanes = [training.lanes[i] for i in order]
        #: Index of each lane in the stack.
        self._positions = sorted(range(len(order)), key=order.__getitem__)
        self._lanes = len(lanes)
        folds = training.data.folds
        states = [
            training.states[i] or dimensions.first_state(lane, folds[lane.split].x_train)
            for i, lane in zip(order, lanes, strict=True)
        ]
        self._parameters = Parameters(lanes, states, dimensions)
        self._batches, self._dimensions = batches, dimensions
        self._stack = Stack(
            self._parameters, rows=batches.plan.rows, task=task, dimensions=dimensions
        )
        steps = batches.plan.steps
        self._optimizer = StackOptimizer(
            self._parameters, steps_total=training.epochs * steps, dimensions=dimensions
        )
        self._passes = Passes(
            self._stack,
            self._optimizer,
            streams=[batches.lane_streams[i] for i in order],
            noise_kinds=batches.noise_kinds,
            task=task,
            dimensions=dimensions,
        )
        rows = probe_rows(batches, training.probe_at)
        self._probe = Probe(
            self._optimizer,
            self._stack,
            self._parameters,
            [self._passes.spread(x) for x in rows],
            steps=steps,
            probe_at=training.probe_at,
            dimensions=dimensions,
        )
        by_stream = [training.data.folds[split] for split, _ in batches.streams]
        self._validation = self._whole_minibatches([fold.x_validation for fold in by_stream])
        inner = [fold.x_train[fold.inner_validation] for fold in by_stream]
        self._inner = self._whole_minibatches(inner) if lanes[0].config.keeps_best else ()
        #: Indices of the lanes that are trained no further.
        self._ended: set[int] = set()
        self._step = graphed(self._passes.step, dimensions.device)
        self._predict = graphed(self._passes.predict, dimensions.device)

    def _whole_minibatches(self, tables: Sequence[Floats]) -> tuple[Tensor, ...]:
        """Cut `tables`, one a stream, into minibatches (S, N, D), repeating rows to fill the last.

        All streams get as many minibatches as the longest table fills.
        """
        rows, dimensions = self._stack.rows, self._dimensions
        padded = -(-max(map(len, tables)) // rows) * rows
        x = torch.stack(
            [torch.from_numpy(np.resize(table, (padded, dimensions.features))) for table in tables]
        )
        return torch.split(x.to(dimensions.device, dimensions.dtype), rows, dim=1)

    def train(self, first: int, last: int) -> list[float]:
        """Train epochs (first, last]; return each lane's mean loss over their steps."""
        steps = self._batches.plan.steps
        # The kernels train all lanes together, so that time is saved only once all are ended.
        if len(self._ended) == self._lanes:
            self._parameters.steps.fill_(last * steps)
            self._parameters.trained(last * steps)
            return [0.0] * self._lanes
        self._passes.losses.zero_()
        for block in self._batches.blocks(first, last):
            self._optimizer.plan(block.first, block.x.shape[1])
            for index in range(block.x.shape[1]):
                noise = (block.noise[kind][:, index] for kind in self._batches.noise_kinds)
                inputs = (block.x[:, index], block.y[:, index], *noise)
                step = block.first + index
                self._optimizer.begin(step)
                if self._probe.measures(step):
                    self._passes.differentiate(*inputs)
                    self._probe.step(step)
                else:
                    self._step(*inputs)
        self._parameters.trained(last * steps)
        sums: list[float] = self._passes.losses[self._positions].tolist()
        return [total / ((last - first) * steps) for total in sums]

    def end(self, index: int) -> None:
        """Train the lane at `index` no further, once that is so for all lanes."""
        self._ended.add(index)

    def logits(self, kept: Sequence[Weights | None] | None = None) -> Tensor:
        """Return (L, C, M) of each lane's validation rows, by the weights `kept` or present."""
        by_position = {self._positions[i]: weights for i, weights in enumerate(kept or ())}
        with self._parameters.exchanged(by_position):
            return self._predictions(self._validation)

    def inner_logits(self) -> Tensor:
        """Return (L, C, I) of each lane's inner validation rows."""
        return self._predictions(self._inner)

    def _predictions(self, minibatches: Sequence[Tensor]) -> Tensor:
        parts = [self._predict(x).clone() for x in minibatches]
        return torch.cat(parts, dim=2)[self._positions]

    def weights(self, index: int) -> Weights:
        """Return a copy of a lane's present weights."""
        return self._parameters.weights(self._positions[index])

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return the layer statistics of a lane at the epochs to probe."""
        return self._probe.snapshots(self._positions[index])

    def state(self, index: int) -> LaneState:
        """Return a copy of a lane's present state."""
        return self._parameters.state(self._positions[index])


def _sort_key(lane: Lane) -> tuple[int, KernelKey, int, int, int]:
    identity = (lane.configuration, lane.repeat, lane.fold)
    return (-lane.config.depth, lane.config.kernel_key, *identity)
