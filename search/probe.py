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
from search.looks import Look, looks
from search.minibatches import Minibatches
from search.parameters import Parameters, Shape
from search.stack import Stack

DEAD_SLOPE = 1e-3
#: Outputs of a unit that differ by less are the same. The tails of softsign, the slowest, differ by
#: 0.03 where its slope is below DEAD_SLOPE.
DEAD_RANGE = 0.05
#: Rows that are looked at, at least, as far as a fold has so many: a minibatch, else so many
#: training rows, rounded to whole minibatches.
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

#: Name of a statistic -> one tensor (n_k,) a layer.
_Columns = dict[str, list[Tensor]]


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
        self._wanted = min(PROBE_ROWS, *map(len, batches.tables))
        #: Whether a minibatch has rows enough to be looked at itself.
        self._enough = stack.rows >= self._wanted
        self._taken: dict[int, dict[str, list[list[float]]]] = {}

    def step(self, step: int) -> None:
        """Make step number `step` of the training, whose gradients the stack has written."""
        epochs = [0] if self._fresh and step == 0 else []
        epochs += [self._last_steps[step]] if step in self._last_steps else []
        if not epochs:
            self._descent.step(step)
            return
        columns = {
            "gradient_norm": [self._looks.norm(layer.weight_grad) for layer in self._stack.layers],
            **self._units(),
        }
        weights = [layer.weight.clone() for layer in self._stack.layers]
        self._descent.step(step)
        columns["update_ratio"] = [
            self._looks.step(layer.weight, before)
            for layer, before in zip(self._stack.layers, weights, strict=True)
        ]
        taken = {name: [layer.tolist() for layer in column] for name, column in columns.items()}
        self._taken |= dict.fromkeys(epochs, taken)

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return what was seen of the lane at `index` of the stack."""
        config = self._parameters.lanes[index].config
        names = (*STATISTICS, *(name for name, _ in config.learned))
        return tuple(
            LayerSnapshot(
                epoch=epoch,
                statistics={
                    name: tuple(layer[index] for layer in columns[name][: config.depth])
                    for name in names
                },
            )
            for epoch, columns in sorted(self._taken.items())
        )

    def _units(self) -> _Columns:
        """Look at the units as the minibatch at hand shows them, or more rows where that is few."""
        layers = self._stack.layers
        passes = [self._look()] if self._enough else [self._pass(x) for x in self._rows]
        units: _Columns = {
            name: [
                torch.stack([part[k].shares[position] for part in passes]).mean(0)
                for k in range(len(layers))
            ]
            for position, name in enumerate(("activation_mean", "_square", "saturated"))
        }
        mean, square = units["activation_mean"], units.pop("_square")
        units["activation_std"] = [
            (s - m * m).clamp_min_(0).sqrt_() for m, s in zip(mean, square, strict=True)
        ]
        units["dead_units"] = [
            _dead([part[k].extremes for part in passes]) for k in range(len(layers))
        ]
        return units | self._learned()

    def _learned(self) -> _Columns:
        """Return what activations have learned; NaN where a lane's learns no such parameter."""
        names = {name for lane in self._parameters.lanes for name, _ in lane.config.learned}
        columns: _Columns = {name: [] for name in sorted(names)}
        for layer in self._stack.layers:
            for name, column in columns.items():
                column.append(layer.bias.new_full((layer.lanes,), torch.nan))
                for run in layer.runs:
                    if name in run.learned:
                        column[-1][run.first : run.end] = run.learned[name].mean((1, 2))
        return columns

    def _pass(self, x: Tensor) -> list[Look]:
        """Look at the rows `x` (L, N, D) without dropout and drawn slopes."""
        running = self._parameters.running.clone()
        self._stack.forward(x, training=True)
        self._parameters.running.copy_(running)
        return self._look()

    def _look(self) -> list[Look]:
        """Look at the last forward pass, layer by layer.

        The gradient's buffers are free between a backward pass and the next: a gradient of ones
        becomes f'.
        """
        looks = []
        for layer in self._stack.layers:
            layer.grad.fill_(1.0)
            for run in layer.runs:
                run.slopes()
            looks.append(self._looks.units(layer.grad, layer.active))
        return looks

    @cached_property
    def _rows(self) -> list[Tensor]:
        """Return the probe rows as (L, N, D) a pass, evenly spread over each fold's rows."""
        size = self._stack.rows
        tables = self._batches.tables
        passes = max(1, round(self._wanted / size))
        chosen = torch.stack(
            [
                table[torch.from_numpy(np.linspace(0, len(table) - 1, passes * size).astype(int))]
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


def _dead(extremes: Sequence[Tensor]) -> Tensor:
    """Share of dead units (n,) by each pass's steepest slope, most and minus least output."""
    slope, most, least = torch.stack([*extremes]).amax(0)
    dead: Tensor = (slope < DEAD_SLOPE) & (most + least < DEAD_RANGE)
    return dead.to(slope.dtype).mean(1)
