"""Which rows and which noise a lane sees at each step: common random numbers by stream.

Notation: L lanes, S streams, N rows of a minibatch, D features, H width. A stream is a
(fold, order seed) pair; its lanes see the same minibatches and the same dropout noise, so that a
difference between two lanes is theirs and not the draw's. Everything is seeded by (stream, epoch),
so a segment may begin at any epoch, in any process, in any company.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from search.lane import Lane
from search.parameters import Shape
from search.prepared import Prepared
from search.seeds import derive_seed


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """An epoch cut into `steps` minibatches of `rows` rows each."""

    steps: int
    rows: int


def batch_plan(train_rows: Sequence[int], batch_size: int) -> BatchPlan:
    """Cut an epoch into equal minibatches, as near to `batch_size` as the rows allow.

    All folds of a study share the plan, so it follows the smallest one: every lane makes the same
    number of steps, and fewer than `steps` rows (plus one) sit out an epoch, others in the next.
    """
    smallest = min(train_rows)
    steps = max(1, round(smallest / batch_size))
    return BatchPlan(steps=steps, rows=smallest // steps)


class Minibatches:
    """Draws the minibatches of one stack."""

    def __init__(
        self, lanes: Sequence[Lane], data: Prepared, shape: Shape, *, layers: int, width: int
    ) -> None:
        self._streams = sorted({lane.stream for lane in lanes})
        self._lane_stream = torch.tensor(
            [self._streams.index(lane.stream) for lane in lanes], device=shape.device
        )
        self._lanes = len(lanes)
        sizes = [len(fold.x_train) for fold in data.folds]
        self.plan = plan = batch_plan(sizes, lanes[0].config.batch_size)
        folds = [data.folds[fold] for fold, _ in self._streams]
        self._x = [torch.from_numpy(f.x_train).to(shape.device, shape.dtype) for f in folds]
        targets = [torch.from_numpy(f.y_train).to(shape.device) for f in folds]
        self._y = [y.to(shape.dtype) if y.is_floating_point() else y for y in targets]
        streams = len(self._streams)
        self._x_step = shape.empty(streams, plan.rows, shape.features)
        self._y_step = torch.empty(streams, plan.rows, dtype=self._y[0].dtype, device=shape.device)
        self._noise_shape = (layers, streams, plan.rows, width)
        self._shape = shape

    @property
    def tables(self) -> tuple[Tensor, ...]:
        """All training rows of each stream, (rows, D)."""
        return tuple(self._x)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (x (L, N, D), y (L, N)) for every step; a buffer that the next step overwrites."""
        plan = self.plan
        orders = [
            torch.randperm(len(x), generator=self._generator(stream, "rows", epoch))
            for stream, x in zip(self._streams, self._x, strict=True)
        ]
        for step in range(plan.steps):
            for s, order in enumerate(orders):
                rows = order[step * plan.rows : (step + 1) * plan.rows].to(self._x[s].device)
                torch.index_select(self._x[s], 0, rows, out=self._x_step[s])
                torch.index_select(self._y[s], 0, rows, out=self._y_step[s])
            yield self.spread(self._x_step), self.spread(self._y_step)

    def noise(self, kind: str, epoch: int) -> Iterator[list[Tensor]]:
        """Yield uniform noise on [0, 1), one (L, N, H) a hidden layer, for every step."""
        layers = self._noise_shape[0]
        generators = [
            [self._generator(stream, f"{kind} {layer}", epoch) for stream in self._streams]
            for layer in range(layers)
        ]
        field = torch.empty(self._noise_shape, dtype=self._shape.dtype)
        for _ in range(self.plan.steps):
            for layer, row in enumerate(generators):
                for s, generator in enumerate(row):
                    field[layer, s].uniform_(generator=generator)
            on_device = field.to(self._shape.device)
            yield [self.spread(on_device[layer]) for layer in range(layers)]

    def spread(self, by_stream: Tensor) -> Tensor:
        """Give every lane its stream's slice: (S, ...) -> (L, ...), a view where S is one."""
        if len(self._streams) == 1:
            return by_stream.expand(self._lanes, *by_stream.shape[1:])
        return by_stream.index_select(0, self._lane_stream)

    @staticmethod
    def _generator(stream: tuple[int, int], purpose: str, epoch: int) -> torch.Generator:
        _, order_seed = stream
        return torch.Generator().manual_seed(derive_seed(order_seed, purpose, epoch))
