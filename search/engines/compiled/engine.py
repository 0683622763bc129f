"""The engine of the processor: one lane after another, many steps a call.

Notation: L lanes, S streams, N rows of a minibatch, D features, H width, C outputs, K hidden layers
of the deepest lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.engines.compiled.activate import activation_loop
from search.engines.compiled.buffers import LaneBuffers, NetworkSpec, OptimizerSpec, Workspace
from search.engines.compiled.losses import LOSS_INDEX
from search.engines.compiled.training_loop import prediction, training_steps
from search.engines.engine import Training
from search.engines.layer_statistics import STATISTICS
from search.engines.minibatches import Block
from search.engines.probe_schedule import own_statistics, probe_rows, probe_steps
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState, Weights
from search.networks.normalization import NORMALIZATIONS
from search.networks.optimizers import OPTIMIZERS
from search.networks.schedules import SCHEDULES
from search.study import LayerSnapshot, Task


class CompiledEngine:
    """Passes every lane through each block of steps, while its buffers stay in the cache."""

    def __init__(self, training: Training) -> None:
        data, batches, lanes = training.data, training.batches, training.lanes
        self._lanes, self._batches = lanes, batches
        self._steps_total = training.epochs * batches.plan.steps
        dimensions = training.dimensions
        self._states = [
            _copied(state or dimensions.first_state(lane, data.folds[lane.split].x_train))
            for lane, state in zip(lanes, training.states, strict=True)
        ]
        self._networks = [network_spec(lane, dimensions, data.task) for lane in lanes]
        self._optimizers = [optimizer_spec(lane) for lane in lanes]
        self._buffers = [
            LaneBuffers(
                state.params,
                state.first_moment,
                state.second_moment,
                state.running.reshape(-1, 2, lane.config.width),
            )
            for lane, state in zip(lanes, self._states, strict=True)
        ]
        self._work = make_workspace(
            self._networks,
            batches.plan.rows,
            dimensions,
            numbers=max(optimizer.numbers.size for optimizer in self._optimizers),
        )
        self._probe_step_of = probe_steps(training.probe_at, batches.plan.steps)
        self._probe_steps = np.array(sorted(set(self._probe_step_of.values())), dtype=np.int64)
        passes = [part.numpy() for part in probe_rows(batches, training.probe_at)]
        dtype = self._work.logits.dtype
        no_rows = np.empty((0, batches.plan.rows, dimensions.features), dtype)
        #: Rows that probes measure on by stream, (passes, N, D); empty for the minibatch's own.
        self._probe_rows = [
            np.stack([part[s] for part in passes]) if passes else no_rows
            for s in range(len(batches.tables))
        ]
        size = (
            len(lanes),
            len(self._probe_steps),
            len(STATISTICS) + max(network.learned_numbers for network in self._networks),
            max(network.depth for network in self._networks),
        )
        #: Statistics by lane, probe, statistic (the last being the learned numbers) and layer.
        self._statistics = np.full(size, np.nan, dtype)
        folds = [data.folds[lane.split] for lane in lanes]
        self._validation = [fold.x_validation.astype(dtype) for fold in folds]
        self._inner = {
            split: data.folds[split].x_train[data.folds[split].inner_validation].astype(dtype)
            for split in {lane.split for lane in lanes if lane.config.keeps_best}
        }
        #: Indices of the lanes that are trained no further.
        self._ended: set[int] = set()

    def train(self, first: int, last: int) -> list[float]:
        """Train epochs (first, last]; return each lane's mean loss over their steps."""
        losses = [0.0] * len(self._lanes)
        trained = [i for i in range(len(self._lanes)) if i not in self._ended]
        for block in self._batches.blocks(first, last) if trained else ():
            rates = self._rates(block)
            x, y = block.x.numpy(), block.y.numpy()
            no_noise = np.empty((0, 0, 0, 0), x.dtype)
            noise = {kind: field.numpy() for kind, field in block.noise.items()}
            for index in trained:
                stream = self._batches.lane_streams[index]
                dropout_noise, slope_noise = (
                    noise[kind][stream] if kind in noise else no_noise
                    for kind in ("dropout", "slope")
                )
                losses[index] += training_steps()(
                    self._networks[index],
                    self._optimizers[index],
                    self._buffers[index],
                    self._work,
                    x[stream],
                    y[stream],
                    dropout_noise,
                    slope_noise,
                    rates[index],
                    block.first,
                    self._probe_steps,
                    self._probe_rows[stream],
                    self._statistics[index],
                )
        steps = self._batches.plan.steps
        self._states = [replace(state, steps=last * steps) for state in self._states]
        return [loss / ((last - first) * steps) for loss in losses]

    def _rates(self, block: Block) -> list[NDArray[np.float64]]:
        """Return each lane's learning rates at the steps of a block."""
        steps = range(block.first, block.first + block.x.shape[1])
        factors = {
            name: np.array([SCHEDULES[name](step, self._steps_total) for step in steps])
            for name in {lane.config.schedule for lane in self._lanes}
        }
        return [lane.config.learning_rate * factors[lane.config.schedule] for lane in self._lanes]

    def end(self, index: int) -> None:
        """Train the lane at `index` no further."""
        self._ended.add(index)

    def logits(self, kept: Sequence[Weights | None] | None = None) -> Tensor:
        """Return (L, C, M) of each lane's validation rows, by the weights `kept` or present."""
        out = self._no_logits(max(map(len, self._validation)))
        for index, rows in enumerate(self._validation):
            self._predict(index, kept[index] if kept else None, rows, out[index])
        return torch.from_numpy(out)

    def inner_logits(self) -> Tensor:
        """Return (L, C, I) of each lane's inner validation rows; zeros for lanes that are ended."""
        out = self._no_logits(max(map(len, self._inner.values())))
        for index, lane in enumerate(self._lanes):
            if index not in self._ended:
                self._predict(index, None, self._inner[lane.split], out[index])
        return torch.from_numpy(out)

    def _no_logits(self, rows: int) -> NDArray[np.floating]:
        shape = (len(self._lanes), self._networks[0].outputs, rows)
        return np.zeros(shape, self._work.logits.dtype)

    def _predict(
        self,
        index: int,
        kept: Weights | None,
        rows: NDArray[np.floating],
        out: NDArray[np.floating],
    ) -> None:
        """Write a lane's logits of `rows` (M, D) into the first M columns of `out`."""
        buffers = self._buffers[index]
        if kept is not None:
            running = kept.running.reshape(buffers.running.shape)
            buffers = buffers._replace(values=kept.params, running=running)
        prediction()(self._networks[index], self._optimizers[index], buffers, self._work, rows, out)

    def weights(self, index: int) -> Weights:
        """Return a copy of a lane's present weights."""
        state = self._states[index]
        return Weights(state.params.copy(), state.running.copy())

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return the statistics of a lane's layers at the epochs to probe."""
        if not self._probe_step_of:
            return ()
        config = self._lanes[index].config
        names, depth = own_statistics(config), config.depth
        taken = dict(zip(self._probe_steps.tolist(), self._statistics[index].tolist(), strict=True))
        return tuple(
            LayerSnapshot(
                epoch=epoch,
                # The last rows are left over where the activation learns less than another.
                statistics={
                    name: tuple(layers[:depth])
                    for name, layers in zip(names, taken[step], strict=False)
                },
            )
            for epoch, step in sorted(self._probe_step_of.items())
        )

    def state(self, index: int) -> LaneState:
        """Return a copy of a lane's present state."""
        return _copied(self._states[index])


def _copied(state: LaneState) -> LaneState:
    return replace(
        state,
        params=state.params.copy(),
        first_moment=state.first_moment.copy(),
        second_moment=state.second_moment.copy(),
        running=state.running.copy(),
    )


def network_spec(lane: Lane, dimensions: Dimensions, task: Task) -> NetworkSpec:
    """Return the network of a lane in the form that compiled code takes."""
    config = lane.config
    dtype = dimensions.zeros().numpy().dtype
    return NetworkSpec(
        activation=activation_loop(config.row, dtype).address,
        depth=config.depth,
        width=config.width,
        features=dimensions.features,
        outputs=dimensions.outputs,
        normalization=list(NORMALIZATIONS).index(config.normalization),
        learned_numbers=len(config.learned),
        learned=sum(config.width if sharing == "channel" else 1 for _, sharing in config.learned),
        loss=LOSS_INDEX[task],
    )


def optimizer_spec(lane: Lane) -> OptimizerSpec:
    """Return the settings of a lane's training in the form that compiled code takes."""
    config = lane.config
    numbers, activation = config.activation_numbers, config.row
    # The number of evaluation is the mean of the two bounds of a noisy slope.
    own = [fmean(numbers.values())] if activation.noisy else [*numbers.values()]
    return OptimizerSpec(
        numbers=np.array(own, dtype=np.float64),
        noisy=activation.noisy,
        lower=numbers.get("lower", 0.0),
        upper=numbers.get("upper", 0.0),
        dropout=config.dropout,
        clip=inf if config.gradient_clip is None else config.gradient_clip,
        adaptive=OPTIMIZERS[config.optimizer].adaptive,
        momentum=config.momentum,
        decay=config.weight_decay,
    )


def make_workspace(
    networks: list[NetworkSpec], rows: int, dimensions: Dimensions, *, numbers: int
) -> Workspace:
    """Return buffers for lanes of equal width, whose activations have at most `numbers` numbers."""
    depth, width, outputs = (
        max(network.depth for network in networks),
        networks[0].width,
        dimensions.outputs,
    )
    learned = max(1, *(network.learned_numbers for network in networks))
    weights = width * (outputs + dimensions.features + (depth - 1) * width)
    size = weights + outputs + depth * (3 + learned) * width

    def buffer(*size: int) -> NDArray[np.floating]:
        return dimensions.zeros(*size).numpy()

    return Workspace(
        layers=buffer(5 + learned, depth, rows, width),
        tables=buffer(3, rows, width),
        units=buffer(2 + max(1, numbers), width),
        inverse=buffer(depth, max(rows, width)),
        logits=buffer(rows, outputs),
        by_class=buffer(outputs + 2, rows),
        rows=buffer(rows, dimensions.features),
        parameters=buffer(3, size),
        statistic_sums=buffer(depth, 3),
        statistic_extremes=buffer(depth, 3, width),
    )
