"""Training on the processor: one lane after another, many steps a call.

Notation: L lanes, S streams, N rows of a minibatch, D features, H width, C outputs, K hidden layers
of the deepest lane.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.activations import ActivationName, get_activation
from search.engines.compiled.activate import activation
from search.engines.compiled.buffers import LaneBuffers, NetworkSpec, OptimizerSpec, Workspace
from search.engines.compiled.losses import PLACES as LOSS_PLACES
from search.engines.compiled.training_loop import prediction, training_steps
from search.engines.engine import Training
from search.engines.layer_statistics import STATISTICS
from search.engines.minibatches import Block
from search.engines.probe_schedule import look_steps, own_statistics, probe_rows
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState
from search.networks.normalization import NORMALIZATIONS
from search.networks.optimizers import OPTIMIZERS
from search.networks.schedules import SCHEDULES
from search.study import LayerSnapshot, Task


class CompiledEngine:
    """Passes every lane through each block of steps, while what it needs stays in the cache."""

    def __init__(self, training: Training) -> None:
        data, batches, lanes = training.data, training.batches, training.lanes
        self._lanes, self._batches = lanes, batches
        self._steps_total = training.epochs * batches.plan.steps
        shape = training.shape
        self._states = [
            _copied(state or shape.first_state(lane, data.folds[lane.fold].x_train))
            for lane, state in zip(lanes, training.states, strict=True)
        ]
        self._nets = [make_net(lane, shape, data.task) for lane in lanes]
        self._rules = [make_rules(lane) for lane in lanes]
        self._memories = [
            LaneBuffers(
                state.params,
                state.first_moment,
                state.second_moment,
                state.running.reshape(-1, 2, lane.config.width),
            )
            for lane, state in zip(lanes, self._states, strict=True)
        ]
        self._work = make_workspace(self._nets, batches.plan.rows, shape)
        self._looks = look_steps(training.probe_at, batches.plan.steps)
        self._look_at = np.array(sorted(set(self._looks.values())), dtype=np.int64)
        passes = [part.numpy() for part in probe_rows(batches, training.probe_at)]
        dtype = self._work.logits.dtype
        nothing = np.empty((0, batches.plan.rows, shape.features), dtype)
        #: Rows to look at by stream, (passes, N, D), empty where the minibatch's own will do.
        self._look_rows = [
            np.stack([part[s] for part in passes]) if passes else nothing
            for s in range(len(batches.tables))
        ]
        size = (
            len(lanes),
            len(self._look_at),
            len(STATISTICS) + 1,
            max(net.depth for net in self._nets),
        )
        #: What is seen, by lane, look, statistic (the last being a learned number) and layer.
        self._seen = np.full(size, np.nan, dtype)
        self._validation = [data.folds[lane.fold].x_validation.astype(dtype) for lane in lanes]

    def train(self, first: int, last: int) -> list[float]:
        """Train epochs (first, last]; return the sum of each lane's losses over their steps."""
        losses = [0.0] * len(self._lanes)
        for block in self._batches.blocks(first, last):
            rates = self._rates(block)
            x, y = block.x.numpy(), block.y.numpy()
            silence = np.empty((0, 0, 0, 0), x.dtype)
            noise = {kind: field.numpy() for kind, field in block.noise.items()}
            for index, stream in enumerate(self._batches.lane_streams):
                drops, slopes = (
                    noise[kind][stream] if kind in noise else silence
                    for kind in ("dropout", "slope")
                )
                losses[index] += training_steps()(
                    self._nets[index],
                    self._rules[index],
                    self._memories[index],
                    self._work,
                    x[stream],
                    y[stream],
                    drops,
                    slopes,
                    rates[index],
                    block.first,
                    self._look_at,
                    self._look_rows[stream],
                    self._seen[index],
                )
        steps = last * self._batches.plan.steps
        self._states = [replace(state, steps=steps) for state in self._states]
        return losses

    def _rates(self, block: Block) -> list[NDArray[np.float64]]:
        """Return each lane's learning rates at the steps of a block."""
        steps = range(block.first, block.first + block.x.shape[1])
        factors = {
            name: np.array([SCHEDULES[name](step, self._steps_total) for step in steps])
            for name in {lane.config.schedule for lane in self._lanes}
        }
        return [lane.config.learning_rate * factors[lane.config.schedule] for lane in self._lanes]

    def logits(self) -> Tensor:
        """Return (L, C, M) of each lane's validation rows."""
        outputs, most = self._nets[0].outputs, max(map(len, self._validation))
        out = np.zeros((len(self._lanes), outputs, most), self._work.logits.dtype)
        for index, rows in enumerate(self._validation):
            prediction()(
                self._nets[index],
                self._rules[index],
                self._memories[index],
                self._work,
                rows,
                out[index],
            )
        return torch.from_numpy(out)

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return what was seen of a lane at the epochs to look at."""
        if not self._looks:
            return ()
        config = self._lanes[index].config
        names, depth = own_statistics(config), config.depth
        taken = dict(zip(self._look_at.tolist(), self._seen[index].tolist(), strict=True))
        return tuple(
            LayerSnapshot(
                epoch=epoch,
                # A row is left over where nothing is learned.
                statistics={
                    name: tuple(layers[:depth])
                    for name, layers in zip(names, taken[step], strict=False)
                },
            )
            for epoch, step in sorted(self._looks.items())
        )

    def state(self, index: int) -> LaneState:
        """Return a lane as it stands, copied."""
        return _copied(self._states[index])


def _copied(state: LaneState) -> LaneState:
    return replace(
        state,
        params=state.params.copy(),
        first_moment=state.first_moment.copy(),
        second_moment=state.second_moment.copy(),
        running=state.running.copy(),
    )


def make_net(lane: Lane, shape: Dimensions, task: Task) -> NetworkSpec:
    """Return what compiled code is told of a lane's network."""
    config = lane.config
    dtype = shape.zeros().numpy().dtype
    return NetworkSpec(
        activation=activation(ActivationName(config.activation), dtype).address,
        depth=config.depth,
        width=config.width,
        features=shape.features,
        outputs=shape.outputs,
        normalization=list(NORMALIZATIONS).index(config.normalization),
        learned=sum(config.width if sharing == "channel" else 1 for _, sharing in config.learned),
        loss=LOSS_PLACES[task],
    )


def make_rules(lane: Lane) -> OptimizerSpec:
    """Return how compiled code trains a lane."""
    config = lane.config
    numbers = config.activation_numbers
    return OptimizerSpec(
        # Every activation has at most one number, but for rrelu: the middle of two.
        number=fmean(numbers.values()) if numbers else 0.0,
        noisy=get_activation(config.activation).noisy,
        lower=numbers.get("lower", 0.0),
        upper=numbers.get("upper", 0.0),
        dropout=config.dropout,
        clip=inf if config.gradient_clip is None else config.gradient_clip,
        adaptive=OPTIMIZERS[config.optimizer].adaptive,
        momentum=config.momentum,
        decay=config.weight_decay,
    )


def make_workspace(nets: list[NetworkSpec], rows: int, shape: Dimensions) -> Workspace:
    """Return buffers for lanes of equal width, as deep as the deepest."""
    depth, width, outputs = max(net.depth for net in nets), nets[0].width, shape.outputs
    weights = width * (outputs + shape.features + (depth - 1) * width)
    size = weights + outputs + depth * 4 * width

    def buffer(*size: int) -> NDArray[np.floating]:
        return shape.zeros(*size).numpy()

    return Workspace(
        layers=buffer(6, depth, rows, width),
        tables=buffer(3, rows, width),
        units=buffer(3, width),
        inverse=buffer(depth, max(rows, width)),
        logits=buffer(rows, outputs),
        by_class=buffer(outputs + 2, rows),
        rows=buffer(rows, shape.features),
        parameters=buffer(3, size),
        sums=buffer(depth, 3),
        extremes=buffer(depth, 3, width),
    )
