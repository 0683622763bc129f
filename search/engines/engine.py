"""The protocols of a trainer and of an engine, which train the lanes of a segment.

`search.engines.stacked` does so on any device, `search.engines.compiled` on a processor.

Notation: L lanes in the order of `Training.lanes`, C outputs, M validation rows, I inner ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from search.data.fold_arrays import TrainingData
from search.engines.minibatches import Minibatches
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState, Weights
from search.study import LayerSnapshot


class Trainer(Protocol):
    """Trains lanes of equal stack key; no lane's result depends on the other lanes."""

    def train(self, first: int, last: int) -> list[float]:
        """Train epochs (first, last]; return each lane's mean loss over their steps."""
        ...

    def logits(self) -> Tensor:
        """Return (L, C, M) of each lane's validation rows; M is that of the largest fold."""
        ...

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return the layer statistics of the lane at `index` at the epochs to probe."""
        ...

    def state(self, index: int) -> LaneState:
        """Return a copy of the present state of the lane at `index`."""
        ...


class Engine(Trainer, Protocol):
    """A trainer whose lanes can be compared epoch by epoch and ended one by one.

    The losses, logits and present weights of lanes that are ended are undefined.
    """

    def end(self, index: int) -> None:
        """Train the lane at `index` no further, where that saves time."""
        ...

    def logits(self, kept: Sequence[Weights | None] | None = None) -> Tensor:
        """Return (L, C, M) of each lane's validation rows; M is that of the largest fold.

        A lane predicts with its entry in `kept`, or with its present weights where there is none.
        """
        ...

    def inner_logits(self) -> Tensor:
        """Return (L, C, I) of each lane's inner validation rows; I is that of the largest fold."""
        ...

    def weights(self, index: int) -> Weights:
        """Return a copy of the present weights of the lane at `index`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """A training task: lanes, their states, their data and the schedule."""

    lanes: Sequence[Lane]
    #: The state of each lane; None starts from fresh weights.
    states: Sequence[LaneState | None]
    data: TrainingData
    batches: Minibatches
    #: Epochs of the whole training, over which the learning rate is scheduled.
    epochs: int
    #: Epochs after which the layers are measured, 0 being before the first step.
    probe_at: Sequence[int]
    dimensions: Dimensions
