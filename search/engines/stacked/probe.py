"""A probe of the layers of a stack, which takes snapshots at chosen epochs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from search.engines.layer_statistics import STATISTICS
from search.engines.probe_schedule import own_statistics, probe_steps
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
    """Makes the steps of a stack's optimizer that are looked into at the epochs `probe_at`.

    The snapshot of epoch 0 is of the first weights and the first step; that of epoch e is of its
    last step and of the weights before that step.
    """

    def __init__(
        self,
        optimizer: StackOptimizer,
        stack: Stack,
        parameters: Parameters,
        rows: Sequence[Tensor],
        *,
        steps: int,
        probe_at: Sequence[int],
        dimensions: Dimensions,
    ) -> None:
        """`rows` come from `probe_rows`, (L, N, D) a pass; an epoch has `steps` steps."""
        self._optimizer = optimizer
        self._stack = stack
        self._parameters = parameters
        self._rows = rows
        self._probe_step_of = probe_steps(probe_at, steps)
        lanes, width = parameters.lanes, parameters.lanes[0].config.width
        learned = {name for lane in lanes for name, _ in lane.config.learned}
        self._names = (*STATISTICS, *sorted(learned))
        #: Statistics of one epoch, (statistic, layer, L); NaN where a lane lacks one.
        self._table = dimensions.empty(len(self._names), len(stack.layers), len(lanes)).fill_(
            torch.nan
        )
        self._unit_statistics = [
            UnitStatistics(layer.lanes, width, dimensions) for layer in stack.layers
        ]
        #: Epoch -> its statistics by lane, statistic and layer.
        self._taken: dict[int, list[list[list[float]]]] = {}

    def measures(self, step: int) -> bool:
        """Whether step number `step` of the training is looked into."""
        return step in self._probe_step_of.values()

    def step(self, step: int) -> None:
        """Make step number `step`, one that is looked into; the stack has written its gradients."""
        epochs = [epoch for epoch, probed in self._probe_step_of.items() if probed == step]
        layers = self._stack.layers
        for layer, statistics in zip(layers, self._table.unbind(1), strict=True):
            frobenius_norm(layer.weight_grad, statistics[_GRADIENT, : layer.lanes])
        self._measure_units()
        weights = [layer.weight.clone() for layer in layers]
        self._optimizer.apply()
        for layer, statistics, before in zip(layers, self._table.unbind(1), weights, strict=True):
            relative_change(layer.weight, before, statistics[_UPDATE, : layer.lanes])
        self._taken |= dict.fromkeys(epochs, self._table.permute(2, 0, 1).tolist())

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return the snapshots of the lane at `index` of the stack."""
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

    def _measure_units(self) -> None:
        """Measure the units on the minibatch at hand, or on the probe's rows where it is small."""
        for units in self._unit_statistics:
            units.clear()
        if not self._rows:
            self._accumulate()
        else:
            running = self._parameters.running.clone()
            for x in self._rows:
                # This pass is without dropout and drawn slopes.
                self._stack.forward(x, training=True)
                self._accumulate()
            self._parameters.running.copy_(running)
        for k, layer in enumerate(self._stack.layers):
            statistics = self._table[:, k]
            finalize(self._unit_statistics[k], statistics[_UNITS, : layer.lanes])
            for run in layer.runs:
                for name, values in run.learned.items():
                    statistics[self._names.index(name), run.first : run.end] = values.mean((1, 2))

    def _accumulate(self) -> None:
        """Add the last forward pass to the statistics of the units, layer by layer.

        The gradient's buffers are free between two backward passes: a gradient of ones becomes f'.
        """
        for layer, units in zip(self._stack.layers, self._unit_statistics, strict=True):
            layer.grad.fill_(1.0)
            for run in layer.runs:
                run.multiply_by_derivative()
            accumulate(layer.grad, layer.active, units)
