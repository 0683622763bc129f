"""Looks inside the layers of a stack at chosen epochs: what is dead, saturated, faded or idle.

Notation as in `search.engines.stacked.stack`: L lanes, n_k of them reach layer k; N rows, D
features, H width. The probe reads the stack's own buffers and the gradient of the training's own
step, between its backward pass and its update. It changes nothing that training goes on from. Where
a minibatch is too small to tell dead units from rarely active ones, some more training rows are
passed through; steps are cheap and many then.

Statistics, one number a hidden layer and lane:

- `activation_mean`, `activation_std` over all probe rows and units, before the layer's own dropout
- `dead_units`: share of units with |f'(z)| below DEAD_SLOPE on every probe row and about the same
  output on all of them. Such a unit passes neither signal nor gradient: a ReLU that is never
  active, a sigmoid stuck at one end (one that jumps between both ends still tells rows apart)
- `saturated`: share of all (row, unit) pairs with |f'(z)| below SATURATED_SLOPE. For one-sided
  functions such as ReLU it is one half in a fresh network, and no fault
- `gradient_norm`: Frobenius norm of the loss's gradient in the layer's weight, before clipping
- `update_ratio`: norm of one optimizer step over the norm of the weight before it
- `slope`, `beta`: where the activation learns one, its mean over the units that have their own
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from search.engines.layer_statistics import STATISTICS, Gathered, conclude, gather, moved, norm
from search.engines.minibatches import Minibatches
from search.engines.stacked.optimizer_step import Descent
from search.engines.stacked.parameters import Parameters, Shape
from search.engines.stacked.stack import Stack
from search.networks.lane import NetworkConfig
from search.study import LayerSnapshot

#: Rows that are looked at, rounded to whole minibatches, as far as a fold has so many.
PROBE_ROWS = 64

_UNITS, _GRADIENT, _UPDATE = slice(0, 4), 4, 5


class Probe:
    """Steps a stack like its `descent`, and takes snapshots at the epochs `probe_at`.

    A snapshot of epoch 0 shows the first weights and the first step; one of epoch e the last step
    of it, and the weights as that step found them.
    """

    def __init__(
        self,
        descent: Descent,
        stack: Stack,
        parameters: Parameters,
        rows: Sequence[Tensor],
        *,
        steps: int,
        probe_at: Sequence[int],
        shape: Shape,
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
        self._gathered = [Gathered(layer.lanes, width, shape) for layer in stack.layers]
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
            norm(layer.weight_grad, seen[_GRADIENT, : layer.lanes])
        self._see_units()
        weights = [layer.weight.clone() for layer in layers]
        self._descent.step(step)
        for layer, seen, before in zip(layers, self._table.unbind(1), weights, strict=True):
            moved(layer.weight, before, seen[_UPDATE, : layer.lanes])
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
            conclude(self._gathered[k], seen[_UNITS, : layer.lanes])
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
            gather(layer.grad, layer.active, gathered)


def probe_rows(batches: Minibatches, probe_at: Sequence[int]) -> list[Tensor]:
    """Return the rows to look at as (S, N, D) a pass, evenly spread over each fold's rows.

    Empty where the training's own minibatch will do, which is as long as one pass is enough.
    """
    size = batches.plan.rows
    passes = round(min(PROBE_ROWS, *map(len, batches.tables)) / size) if probe_at else 0
    if passes <= 1:
        return []
    chosen = torch.stack(
        [
            table[torch.from_numpy(np.linspace(0, len(table) - 1, passes * size).astype(int))]
            for table in batches.tables
        ]
    )
    return list(torch.split(chosen, size, dim=1))


def look_steps(probe_at: Sequence[int], steps: int) -> dict[int, int]:
    """Return the step to look at for each of the epochs, of `steps` steps each."""
    return {epoch: max(0, epoch * steps - 1) for epoch in probe_at}


def own_statistics(config: NetworkConfig) -> tuple[str, ...]:
    """Name the statistics that the layers of a lane have."""
    return (*STATISTICS, *(name for name, _ in config.learned))


def probe_epochs(epochs: int, rungs: Sequence[int]) -> tuple[int, ...]:
    """Epochs worth a snapshot: 0, every rung, and where there is but one, a third of the way."""
    between = {max(1, epochs // 3)} if len(rungs) == 1 else set()
    return tuple(sorted({0, *rungs} | between))


def mean_snapshots(by_fold: Sequence[Sequence[LayerSnapshot]]) -> tuple[LayerSnapshot, ...]:
    """Return the mean over folds of snapshots taken at the same epochs of the same network."""
    return tuple(
        LayerSnapshot(
            epoch=same[0].epoch,
            statistics={
                name: tuple(map(fmean, zip(*(s.statistics[name] for s in same), strict=True)))
                for name in same[0].statistics
            },
        )
        for same in zip(*by_fold, strict=True)
    )
