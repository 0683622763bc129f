"""The minibatches and the noise of each step: common random numbers by stream.

Notation: S streams, N rows of a minibatch, D features, H width, K hidden layers of the deepest
lane. A stream is a (fold, order seed) pair; its lanes see the same minibatches and the same dropout
noise, so that a difference between two lanes is due to the lanes and not to the draw. Everything is
seeded by (stream, epoch), so a segment may begin at any epoch, in any process, with any lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search.data.fold_arrays import TrainingData
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane
from search.seeds import derive_seed

#: Bytes of minibatches and noise drawn at a time: enough steps that the cost of a call does not
#: count, few enough that the third cache holds them while every lane passes through them.
BLOCK_BYTES = 4 * 2**20
#: The same on a GPU, whose memory is large, and where every call waits for a launch.
DEVICE_BLOCK_BYTES = 64 * 2**20

#: Kind of noise -> whether a lane needs it.
NOISE: dict[str, Callable[[Lane], bool]] = {
    "dropout": lambda lane: lane.config.dropout > 0,
    "slope": lambda lane: lane.config.row.noisy,
}


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """An epoch cut into `steps` minibatches of `rows` rows each.

    They have room for every row of every fold. Where a fold leaves room, the rows that come first
    in an epoch come again at its end.
    """

    steps: int
    rows: int


def batch_plan(train_rows: Sequence[int], batch_size: int) -> BatchPlan:
    """Cut an epoch into equal minibatches, as near to `batch_size` as the rows allow.

    All folds of a study share the plan, so it follows the largest one: every lane makes the same
    number of steps, and every row takes part in every epoch. Fewer than `batch_size` rows of the
    largest fold come twice, others in the next epoch.
    """
    largest = max(train_rows)
    plans = [
        BatchPlan(steps=steps, rows=-(-largest // steps))
        for steps in (largest // batch_size, -(-largest // batch_size))
        if steps
    ]
    return min(plans, key=lambda plan: (abs(plan.rows - batch_size), plan.steps * plan.rows))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The data of T consecutive steps, in buffers that the next block overwrites."""

    #: Number of the first step, counted from 0 at the start of the training.
    first: int
    x: Tensor  # (S, T, N, D)
    y: Tensor  # (S, T, N)
    #: Uniform noise on [0, 1) for each hidden layer, (S, T, K, N, H), by kind.
    noise: Mapping[str, Tensor]


class Minibatches:
    """Draws the minibatches of the lanes of one segment, and the kinds of noise they need."""

    def __init__(self, lanes: Sequence[Lane], data: TrainingData, dimensions: Dimensions) -> None:
        self.streams = sorted({lane.stream for lane in lanes})
        #: Index of each lane's stream in `streams`.
        self.lane_streams = [self.streams.index(lane.stream) for lane in lanes]
        config = lanes[0].config
        fitted = [fold.fitted_rows(keeps_best=config.keeps_best) for fold in data.folds]
        self.plan = plan = batch_plan(list(map(len, fitted)), config.batch_size)
        folds = [data.folds[fold] for fold, _ in self.streams]
        #: Indices in `tables` of the rows that each stream's minibatches are drawn from.
        self._fitted = [torch.from_numpy(fitted[fold]) for fold, _ in self.streams]
        #: All training rows of each stream, (rows, D).
        self.tables = [
            torch.from_numpy(f.x_train).to(dimensions.device, dimensions.dtype) for f in folds
        ]
        #: Class codes are floats too, which hold them exactly, (rows,).
        self._y = [
            torch.from_numpy(f.y_train).to(dimensions.device, dimensions.dtype) for f in folds
        ]
        layers = max(lane.config.depth for lane in lanes)
        self._noise_shape = (layers, plan.rows, config.width)
        self.noise_kinds = [kind for kind, needs in NOISE.items() if any(map(needs, lanes))]
        self._dimensions = dimensions

    def blocks(self, first: int, last: int) -> Iterator[Block]:
        """Yield all steps of the epochs (first, last], in blocks of limited size."""
        plan, streams, dimensions = self.plan, len(self.streams), self._dimensions
        layers, _, width = self._noise_shape
        numbers = plan.rows * (dimensions.features + len(self.noise_kinds) * layers * width)
        most = BLOCK_BYTES if dimensions.on_host else DEVICE_BLOCK_BYTES
        size = most // (streams * numbers * dimensions.dtype.itemsize)
        total = (last - first) * plan.steps
        size = max(1, min(size, total))
        x = dimensions.empty(streams, size, plan.rows, dimensions.features)
        y = dimensions.empty(streams, size, plan.rows)
        noise = {
            kind: torch.empty(streams, size, *self._noise_shape, dtype=dimensions.dtype)
            for kind in self.noise_kinds
        }
        epoch, orders, generators = first, list[Tensor](), dict[tuple[str, int, int], Generator]()
        for start in range(0, total, size):
            count = min(size, total - start)
            filled = 0
            while filled < count:
                step = (start + filled) % plan.steps  # of the epoch
                if step == 0:
                    epoch += 1
                    orders, generators = self._orders(epoch), self._generators(epoch)
                fit = min(count - filled, plan.steps - step)
                drawn = slice(filled, filled + fit)
                for s, order in enumerate(orders):
                    rows = order[step * plan.rows : (step + fit) * plan.rows]
                    torch.index_select(self.tables[s], 0, rows, out=x[s, drawn].flatten(0, 1))
                    torch.index_select(self._y[s], 0, rows, out=y[s, drawn].flatten())
                # Noise is drawn step by step: any other order would change every result.
                for t in range(filled, filled + fit):
                    for (kind, s, layer), generator in generators.items():
                        noise[kind][s, t, layer].uniform_(generator=generator)
                filled += fit
            yield Block(
                first=first * plan.steps + start,
                x=x[:, :count],
                y=y[:, :count],
                noise={kind: dimensions.send(field[:, :count]) for kind, field in noise.items()},
            )

    def _orders(self, epoch: int) -> list[Tensor]:
        """Return the order of each stream's rows in an epoch, as indices in its table.

        Every order has the length of all minibatches: it begins anew where it is too short.
        """
        orders, length = [], self.plan.steps * self.plan.rows
        for stream, rows in zip(self.streams, self._fitted, strict=True):
            drawn = torch.randperm(len(rows), generator=_generator(stream, "rows", epoch))
            times = -(-length // len(rows))
            orders.append(self._dimensions.send(rows[drawn].repeat(times)[:length]))
        return orders

    def _generators(self, epoch: int) -> dict[tuple[str, int, int], Generator]:
        """Return the generators of noise, by kind, index of the stream and layer."""
        return {
            (kind, s, layer): _generator(stream, f"{kind} {layer}", epoch)
            for kind in self.noise_kinds
            for s, stream in enumerate(self.streams)
            for layer in range(self._noise_shape[0])
        }


def _generator(stream: tuple[int, int], purpose: str, epoch: int) -> Generator:
    _, order_seed = stream
    return Generator().manual_seed(derive_seed(order_seed, purpose, epoch))
