"""A probe of the layers of a stack, which takes snapshots at chosen epochs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from search.engines.layer_statistics import STATISTICS
from search.engines.probe_schedule import look_steps, own_statistics
from search.engines.stacked.layer_statistics import (
    UnitStatistics,
    accumulate,
    finalize,
    frobenius_norm,
    relative_change,
)
from search.engines.stacked.optimizer_step import StackOptimizer
from search.engines.stacked.parameters import Parameters
from search.engines.stacked.stack import Stack
from search.networks.dimensions import Dimensions
from search.study import LayerSnapshot

_UNITS, _GRADIENT, _UPDATE = slice(0, 4), 4, 5


class Probe:
    """Steps a stack like its `descent`, and takes snapshots at the epochs `probe_at`.

    A snapshot of epoch 0 shows the first weights and the first step; one of epoch e the last step
    of it, and the weights as that step found them.
    """

    def __init__(
        self,
        descent: StackOptimizer,
        stack: Stack,
        parameters: Parameters,
        rows: Sequence[Tensor],
        *,
        steps: int,
        probe_at: Sequence[int],
        shape: Dimensions,
    ) -> None:
        """`rows` are of `probe_rows`, (L, N, D) a pass; `steps` those of an epoch."""
        self._descent = descent
        self._stack = stack
        self._parameters = parameters
        self._rows = rows
        self._look_steps = look_steps(probe_at, steps)
        lanes, width = parameters.lanes, parameters.lanes[0].config.width
        learned = {name for lane in lanes for name, _ in lane.config.learned}
        self._names = (*STATISTICS, *sorted(learned))
        #: What is seen at one epoch, (statistic, layer, L); NaN where a lane has no such thing.
        self._table = shape.empty(len(self._names), len(stack.layers), len(lanes)).fill_(torch.nan)
        self._gathered = [UnitStatistics(layer.lanes, width, shape) for layer in stack.layers]
        #: Epoch -> the table then, by lane, statistic and layer.
        self._taken: dict[int, list[list[list[float]]]] = {}

    def step(self, step: int) -> None:
        """Make step number `step` of the training, whose gradients the stack has written."""
        epochs = [epoch for epoch, look in self._look_steps.items() if look == step]
        if not epochs:
            self._descent.step(step)
            return
        layers = self._stack.layers
        for layer, seen in zip(layers, self._table.unbind(1), strict=True):
            frobenius_norm(layer.weight_grad, seen[_GRADIENT, : layer.lanes])
        self._see_units()
        weights = [layer.weight.clone() for layer in layers]
        self._descent.step(step)
        for layer, seen, before in zip(layers, self._table.unbind(1), weights, strict=True):
            relative_change(layer.weight, before, seen[_UPDATE, : layer.lanes])
        self._taken |= dict.fromkeys(epochs, self._table.permute(2, 0, 1).tolist())

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return what was seen of the lane at `index` of the stack."""
        config = self._parameters.lanes[index].config
        own = own_statistics(config)
        return tuple(
            LayerSnapshot(
                epoch=epoch,
                statistics={
                    name: tuple(layers[: config.depth])
                    for name, layers in zip(self._names, table[index], strict=True)
                    if name in own
                },
            )
            for epoch, table in sorted(self._taken.items())
        )

    def _see_units(self) -> None:
        """Look at the units as the minibatch at hand shows them, or more rows where that is few."""
        for gathered in self._gathered:
            gathered.clear()
        if not self._rows:
            self._look()
        else:
            running = self._parameters.running.clone()
            for x in self._rows:
                # Without dropout and drawn slopes.
                self._stack.forward(x, training=True)
                self._look()
            self._parameters.running.copy_(running)
        for k, layer in enumerate(self._stack.layers):
            seen = self._table[:, k]
            finalize(self._gathered[k], seen[_UNITS, : layer.lanes])
            for run in layer.runs:
                for name, values in run.learned.items():
                    seen[self._names.index(name), run.first : run.end] = values.mean((1, 2))

    def _look(self) -> None:
        """Look at the last forward pass, layer by layer.

        The gradient's buffers are free between a backward pass and the next: a gradient of ones
        becomes f'.
        """
        for layer, gathered in zip(self._stack.layers, self._gathered, strict=True):
            layer.grad.fill_(1.0)
            for run in layer.runs:
                run.slopes()
            accumulate(layer.grad, layer.active, gathered)
