"""The schedule of probes: epochs and rows at which layer statistics are measured.

Notation: S streams, N rows of a minibatch, D features. A probe reads the engine's own buffers and
the gradient of a training step, between its backward pass and its update, and leaves the training
as it was. Where a minibatch is too small to tell dead units from rarely active ones, further
training rows are passed through the network; steps are cheap then, and many.

Statistics, one number a hidden layer and lane:

- `activation_mean`, `activation_std` over all probe rows and units, before the layer's own dropout
- `dead_units`: share of units with |f'(z)| below DEAD_SLOPE on every probe row and about the same
  output on all of them. Such a unit passes neither signal nor gradient: a ReLU that is never
  active, a sigmoid stuck at one end (a unit that jumps between both ends still tells rows apart)
- `saturated`: share of all (row, unit) pairs with |f'(z)| below SATURATED_SLOPE. For one-sided
  functions such as ReLU it is one half in a fresh network, and no fault
- `gradient_norm`: Frobenius norm of the loss's gradient in the layer's weight, before clipping
- `update_ratio`: norm of one optimizer step over the norm of the weight before it
- the learned number of the activation (`slope`, `beta`), its mean over units, if it has one
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from search.engines.layer_statistics import STATISTICS
from search.engines.minibatches import Minibatches
from search.networks.lane import NetworkConfig
from search.study import LayerSnapshot

#: Rows of a probe, rounded to whole minibatches; all of a fold that has fewer.
PROBE_ROWS = 64


def probe_rows(batches: Minibatches, probe_at: Sequence[int]) -> list[Tensor]:
    """Return the rows of a probe, (S, N, D) a pass, evenly spread over each fold's rows.

    The list is empty where one pass is enough: the probe then measures on the training's own
    minibatch.
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


def probe_steps(probe_at: Sequence[int], steps: int) -> dict[int, int]:
    """Return the number of the step to measure for each epoch, of `steps` steps each."""
    return {epoch: max(0, epoch * steps - 1) for epoch in probe_at}


def own_statistics(config: NetworkConfig) -> tuple[str, ...]:
    """Return the names of the statistics of a lane's layers."""
    return (*STATISTICS, *(name for name, _ in config.learned))


def probe_epochs(epochs: int, rungs: Sequence[int]) -> tuple[int, ...]:
    """Return the epochs to probe: 0, every rung, and a third of the way if there is one rung."""
    between = {max(1, epochs // 3)} if len(rungs) == 1 else set()
    return tuple(sorted({0, *rungs} | between))


def mean_snapshots(by_fold: Sequence[Sequence[LayerSnapshot]]) -> tuple[LayerSnapshot, ...]:
    """Return the mean of a network's snapshots, at each epoch over the folds that made it."""
    by_epoch: dict[int, list[LayerSnapshot]] = {}
    for snapshot in chain.from_iterable(by_fold):
        by_epoch.setdefault(snapshot.epoch, []).append(snapshot)
    return tuple(
        LayerSnapshot(
            epoch=epoch,
            statistics={
                name: tuple(map(fmean, zip(*(s.statistics[name] for s in same), strict=True)))
                for name in same[0].statistics
            },
        )
        for epoch, same in sorted(by_epoch.items())
    )
