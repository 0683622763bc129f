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

from search.engines.layer_statistics import STATISTICS
from search.engines.minibatches import Minibatches
from search.networks.lane import NetworkConfig
from search.study import LayerSnapshot

#: Rows that are looked at, rounded to whole minibatches, as far as a fold has so many.
PROBE_ROWS = 64


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
