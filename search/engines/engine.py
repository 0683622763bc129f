"""The protocol of an engine, which trains the lanes of a segment.

`search.engines.stacked` does so on any device, `search.engines.compiled` on a processor.

Notation: L lanes in the order they were given, C outputs, M validation rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from search.data.fold_arrays import TrainingData
from search.engines.minibatches import Minibatches
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState
from search.study import LayerSnapshot


class Engine(Protocol):
    """Trains lanes of equal stack key; what becomes of one does not depend on the others."""

    def train(self, first: int, last: int) -> list[float]:
        """Train epochs (first, last]; return the sum of each lane's losses over their steps."""
        ...

    def logits(self) -> Tensor:
        """Return (L, C, M) of each lane's validation rows; M is that of the largest fold."""
        ...

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return what was seen of a lane at the epochs to look at."""
        ...

    def state(self, index: int) -> LaneState:
        """Return a lane as it stands, copied."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What an engine is given."""

    lanes: Sequence[Lane]
    #: One a lane; None starts from fresh weights.
    states: Sequence[LaneState | None]
    data: TrainingData
    batches: Minibatches
    #: Epochs of the whole training; decides the learning-rate schedule.
    epochs: int
    #: Epochs after which the layers are looked into, 0 being before the first step.
    probe_at: Sequence[int]
    shape: Dimensions
