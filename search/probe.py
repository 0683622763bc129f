"""Looks inside the layers of a stack at chosen epochs: what is dead, saturated, faded or idle.

Notation as in `search.stack`: L lanes, n_k of them reach layer k; N rows, D features, H width.
The probe reads the stack's own buffers and the gradient of the training's own step, and passes a
few training rows through once more. It changes nothing that training goes on from.

Statistics, one number a hidden layer and lane:

- `activation_mean`, `activation_std` over all probe rows and units, without dropout
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

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from search.descent import Descent
from search.diagnosis import LayerSnapshot
from search.layer import Layer
from search.minibatches import Minibatches
from search.parameters import Parameters
from search.stack import Stack

DEAD_SLOPE = 1e-3
#: Outputs of a unit that differ by less are the same. The tails of softsign, the slowest, differ by
#: 0.03 where its slope is below DEAD_SLOPE.
DEAD_RANGE = 0.05
SATURATED_SLOPE = 0.01
#: Training rows of a fold that are passed through, rounded to whole minibatches. More would
#: tell rarely active units from dead ones better, and cost small studies more than 5 %.
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

    A snapshot of epoch 0 shows the first weights and the first step; one of epoch e the weights
    after it and the last step of it.
    """

    def __init__(
        self,
        descent: Descent,
        stack: Stack,
        parameters: Parameters,
        batches: Minibatches,
        probe_at: Sequence[int],
    ) -> None:
        self._descent = descent
        self._stack = stack
        self._parameters = parameters
        self._batches = batches
        steps = batches.plan.steps
        #: Step -> epoch that ends with it.
        self._last_steps = {epoch * steps - 1: epoch for epoch in probe_at if epoch > 0}
        self._fresh = 0 in probe_at
        self._taken: dict[int, dict[str, list[list[float]]]] = {}

    def step(self, step: int) -> None:
        """Make step number `step` of the training, whose gradients the stack has written."""
        begins, ends = self._fresh and step == 0, step in self._last_steps
        if not (begins or ends):
            self._descent.step(step)
            return
        if begins:
            self._keep(0, self._units())
        weights = [layer.weight.clone() for layer in self._stack.layers]
        norms = {"gradient_norm": [_norm(layer.weight_grad) for layer in self._stack.layers]}
        self._descent.step(step)
        norms["update_ratio"] = [
            _norm(layer.weight - before) / _norm(before)
            for layer, before in zip(self._stack.layers, weights, strict=True)
        ]
        if begins:
            self._keep(0, norms)
        if ends:
            self._keep(self._last_steps[step], norms | self._units())

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

    def _keep(self, epoch: int, columns: Mapping[str, Sequence[Tensor]]) -> None:
        taken = self._taken.setdefault(epoch, {})
        taken |= {name: [layer.tolist() for layer in column] for name, column in columns.items()}

    def _units(self) -> _Columns:
        """Pass the probe rows forward, as in training but for dropout and drawn slopes."""
        layers = self._stack.layers
        running = self._parameters.running.clone()
        passes = [self._pass(x) for x in self._rows()]
        self._parameters.running.copy_(running)
        units: _Columns = {
            name: [
                torch.stack([part[k][position] for part in passes]).mean(0)
                for k in range(len(layers))
            ]
            for position, name in enumerate(("activation_mean", "_square", "saturated"))
        }
        mean, square = units["activation_mean"], units.pop("_square")
        units["activation_std"] = [
            (s - m * m).clamp_min_(0).sqrt_() for m, s in zip(mean, square, strict=True)
        ]
        units["dead_units"] = [_dead([part[k][3] for part in passes]) for k in range(len(layers))]
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

    def _pass(self, x: Tensor) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Return each layer's mean, mean square, saturated share (n,), and extremes (3, n, H)."""
        self._stack.forward(x, training=True)
        return [self._look(layer) for layer in self._stack.layers]

    @staticmethod
    def _look(layer: Layer) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean = layer.active.mean((1, 2))
        scratch = layer.scratch[0]
        square = torch.mul(layer.active, layer.active, out=scratch).mean((1, 2))
        # aminmax would take ten times as long along this dimension.
        most, least = layer.active.amax(1), layer.active.amin(1)
        # The gradient's buffer is free between two steps: a gradient of ones becomes f'.
        slope = layer.grad.fill_(1.0)
        for run in layer.runs:
            run.slopes()
        slope.abs_()
        extremes = torch.stack([slope.amax(1), most, -least])
        saturated = torch.lt(slope, SATURATED_SLOPE, out=scratch).mean((1, 2))
        return mean, square, saturated, extremes

    def _rows(self) -> list[Tensor]:
        """Return the probe rows as (L, N, D) a pass, evenly spread over each fold's rows."""
        size = self._stack.rows
        tables = self._batches.tables
        passes = max(1, round(min(PROBE_ROWS, *map(len, tables)) / size))
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


def _norm(matrices: Tensor) -> Tensor:
    """(n, in, out) -> (n,)."""
    norms: Tensor = torch.linalg.vector_norm(matrices, dim=(1, 2))
    return norms


def _dead(extremes: Sequence[Tensor]) -> Tensor:
    """Share of dead units (n,) by each pass's steepest slope, most and minus least output."""
    slope, most, least = torch.stack([*extremes]).amax(0)
    dead: Tensor = (slope < DEAD_SLOPE) & (most + least < DEAD_RANGE)
    return dead.to(slope.dtype).mean(1)
