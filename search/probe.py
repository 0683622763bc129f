"""Looks inside the layers of a stack at chosen epochs: what is dead, saturated, faded or idle.

Notation as in `search.stack`: L lanes, n_k of them reach layer k; N rows, D features, H width.
The probe reads the stack's own buffers and the gradient of the training's own step, between its
backward pass and its update. It changes nothing that training goes on from. Where a minibatch is
too small to tell dead units from rarely active ones, some more training rows are passed through;
steps are cheap and many then.

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
from functools import cached_property
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from search.descent import Descent
from search.diagnosis import LayerSnapshot
from search.looks import Gathered, looks
from search.minibatches import Minibatches
from search.parameters import Parameters, Shape
from search.stack import Stack

#: Rows that are looked at, rounded to whole minibatches, as far as a fold has so many.
PROBE_ROWS = 64

#: What every layer has.
STATISTICS = (
    "activation_mean",
    "activation_std",
    "dead_units",
    "saturated",
    "gradient_norm",
    "update_ratio",
)
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
        batches: Minibatches,
        probe_at: Sequence[int],
        shape: Shape,
    ) -> None:
        self._descent = descent
        self._stack = stack
        self._parameters = parameters
        self._batches = batches
        steps = batches.plan.steps
        #: Step -> epoch that ends with it.
        self._last_steps = {epoch * steps - 1: epoch for epoch in probe_at if epoch > 0}
        self._fresh = 0 in probe_at
        self._looks = looks(shape)
        wanted = min(PROBE_ROWS, *map(len, batches.tables))
        #: Passes it takes to look at so many rows; the training's own will do where it is one.
        self._passes = max(1, round(wanted / stack.rows))
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
        epochs = [0] if self._fresh and step == 0 else []
        epochs += [self._last_steps[step]] if step in self._last_steps else []
        if not epochs:
            self._descent.step(step)
            return
        layers = self._stack.layers
        for layer, seen in zip(layers, self._table.unbind(1), strict=True):
            self._looks.norm(layer.weight_grad, seen[_GRADIENT, : layer.lanes])
        self._see_units()
        weights = [layer.weight.clone() for layer in layers]
        self._descent.step(step)
        for layer, seen, before in zip(layers, self._table.unbind(1), weights, strict=True):
            self._looks.step(layer.weight, before, seen[_UPDATE, : layer.lanes])
        self._taken |= dict.fromkeys(epochs, self._table.permute(2, 0, 1).tolist())

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return what was seen of the lane at `index` of the stack."""
        config = self._parameters.lanes[index].config
        own = {*STATISTICS, *(name for name, _ in config.learned)}
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
        if self._passes == 1:
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
            self._looks.conclude(self._gathered[k], seen[_UNITS, : layer.lanes])
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
            self._looks.gather(layer.grad, layer.active, gathered)

    @cached_property
    def _rows(self) -> list[Tensor]:
        """Return the probe rows as (L, N, D) a pass, evenly spread over each fold's rows."""
        size = self._stack.rows
        tables = self._batches.tables
        count = self._passes * size
        chosen = torch.stack(
            [
                table[torch.from_numpy(np.linspace(0, len(table) - 1, count).astype(int))]
                for table in tables
            ]
        )
        return [self._batches.spread(part) for part in torch.split(chosen, size, dim=1)]


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
