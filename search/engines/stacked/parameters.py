"""The parameters of all lanes of a stack, their gradients and the optimizers' moments.

Notation: L lanes sorted by depth, deepest first, n_k of them with at least k hidden layers;
D features, H width, C outputs. Weights are (n_k, in, out), with the output layer's (L, H, C) first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.engines.stacked.kernels import get_kernel
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, LaneState, Weights
from search.networks.normalization import NORMALIZATIONS
from search.networks.optimizers import Row
from search.networks.parameter_layout import ParameterSlice, learned_name, row_layout


def runs(lanes: Sequence[Lane], key: Callable[[Lane], Hashable]) -> Iterator[tuple[int, int]]:
    """Yield [first, end) of neighbours with equal `key`."""
    first = 0
    for _, group in groupby(lanes, key=key):
        end = first + len(list(group))
        yield first, end
        first = end


def view(vectors: Tensor, piece: ParameterSlice) -> Tensor:
    """View `piece` of the rows `vectors` (n, S), (n, 1, length)."""
    return vectors[:, piece.start : piece.start + piece.size].unsqueeze(1)


class ParameterBuffer:
    """One number for every parameter of every lane: values, gradients or moments."""

    def __init__(
        self, fans: Sequence[tuple[int, int, int]], size: int, dimensions: Dimensions
    ) -> None:
        #: matrices[0] is the output layer's, matrices[k] the k-th hidden layer's.
        self.matrices = [dimensions.zeros(*fan) for fan in fans]
        self.vectors = dimensions.zeros(fans[0][0], size)

    def vector(self, piece: ParameterSlice, lanes: int) -> Tensor:
        """View `piece` of the first `lanes` lanes, (lanes, 1, length)."""
        return view(self.vectors[:lanes], piece)


class Parameters:
    """The states of the lanes of a stack, with which a segment begins and ends."""

    def __init__(
        self, lanes: Sequence[Lane], states: Sequence[LaneState], dimensions: Dimensions
    ) -> None:
        first = lanes[0].config
        self.lanes = lanes
        self.depths = [lane.config.depth for lane in lanes]
        #: counts[k] lanes have more than k hidden layers.
        self.counts = [sum(depth > k for depth in self.depths) for k in range(self.depths[0])]
        #: Whether no kernel needs the pre-activation once it has its output.
        self.in_place = all(
            get_kernel(config.row, plain=config.plain).in_place
            for config in (lane.config for lane in lanes)
        )
        self.normalization = NORMALIZATIONS[first.normalization]
        self.row = row_layout(
            width=first.width,
            outputs=dimensions.outputs,
            depth=self.depths[0],
            normalized=self.normalization.normalizes,
            learned=[pair for lane in lanes for pair in lane.config.learned],
        )
        fans = [(len(lanes), first.width, dimensions.outputs)]
        for k, count in enumerate(self.counts):
            fans.append((count, dimensions.features if k == 0 else first.width, first.width))
        self.values, self.grads, self.first_moment, self.second_moment = (
            ParameterBuffer(fans, self.row.size, dimensions) for _ in range(4)
        )
        #: Steps made, the same for all lanes: on the device, and on the host.
        self.steps = torch.zeros((), device=dimensions.device)
        self.steps_made = states[0].steps
        self.steps.fill_(self.steps_made)
        #: Running mean and variance of each layer, (L, depth, 2, H).
        self.running = dimensions.zeros(len(lanes), self.depths[0], 2, first.width)
        self._send = dimensions.send
        #: [first, end) of neighbours whose parameters are laid out alike.
        self._groups = list(runs(lanes, lambda lane: (lane.config.depth, lane.config.learned)))
        #: What the lanes hold since their last step, by buffer: one row a lane, on the host.
        self._held: dict[ParameterBuffer, list[NDArray[np.floating]]] = {}
        self._held_running: NDArray[np.floating] | None = None
        self._write(self.values, [state.params for state in states])
        if self.steps_made:  # moments are zeros before
            self._write(self.first_moment, [state.first_moment for state in states])
            self._write(self.second_moment, [state.second_moment for state in states])
        self._write_running({index: state.running for index, state in enumerate(states)})

    def _pieces(self, index: int) -> Iterator[ParameterSlice]:
        """Yield the vectors of a lane: that of the output layer, then layer by layer."""
        config = self.lanes[index].config
        width = {"layer": 1, "channel": config.width}
        yield self.row.output
        for pieces in self.row.layers[: config.depth]:
            yield from (pieces[name] for name in ("bias", "scale", "shift") if name in pieces)
            yield from (
                pieces[learned_name(name)].head(width[sharing]) for name, sharing in config.learned
            )

    def _views(self, buffer: ParameterBuffer, first: int, end: int) -> list[Tensor]:
        """View all numbers of a group of lanes in the order of LaneState: weights, then vectors."""
        matrices = [matrix[first:end] for matrix in buffer.matrices[: self.depths[first] + 1]]
        rows = buffer.vectors[first:end]
        return [*matrices, *(rows[:, p.start : p.start + p.size] for p in self._pieces(first))]

    def _write(self, buffer: ParameterBuffer, rows: Sequence[NDArray[np.floating]]) -> None:
        """Load a row (P,) for each lane, where it is not empty: group by group, not one by one."""
        for first, end in self._groups:
            views = self._views(buffer, first, end)
            sizes = [view[0].numel() for view in views]
            # The second moment of a lane of SGD is empty, and stays zeros.
            own = [row if row.size else np.zeros(sum(sizes)) for row in rows[first:end]]
            sent = self._send(torch.from_numpy(np.stack(own)).to(buffer.vectors.dtype))
            for view, part in zip(views, torch.split(sent, sizes, dim=1), strict=True):
                view.copy_(part.view(view.shape))

    def _read(self, buffer: ParameterBuffer) -> list[NDArray[np.floating]]:
        """Return the row (P,) of every lane; the host waits for the device once, not for each."""
        if buffer not in self._held:
            self._held[buffer] = [
                row
                for first, end in self._groups
                for row in torch.cat(
                    [view.reshape(end - first, -1) for view in self._views(buffer, first, end)], 1
                )
                .cpu()
                .numpy()
            ]
        return self._held[buffer]

    def _write_running(self, rows: Mapping[int, NDArray[np.floating]]) -> None:
        if not self.normalization.running:
            return
        staged = self.running.cpu()
        for index, running in rows.items():
            if running.size:
                staged[index, : self.depths[index]] = torch.from_numpy(running)
        self.running.copy_(staged)

    def trained(self, steps: int) -> None:
        """Note that all lanes have changed, `steps` steps having been made in all."""
        self.steps_made = steps
        self._held.clear()
        self._held_running = None

    def weights(self, index: int) -> Weights:
        """Return a copy of the weights of the lane at `index`."""
        running = np.empty(0, dtype=np.float32)
        if self.normalization.running:
            if self._held_running is None:
                self._held_running = self.running.cpu().numpy().copy()
            running = self._held_running[index, : self.depths[index]].copy()
        return Weights(self._read(self.values)[index].copy(), running)

    @contextmanager
    def exchanged(self, weights: Mapping[int, Weights | None]) -> Iterator[None]:
        """Hold other `weights`, by the lane's index, until the end of the `with` block."""
        others = {index: other for index, other in weights.items() if other is not None}
        present = {index: self.weights(index) for index in others}
        self._exchange(others)
        yield
        self._exchange(present)

    def _exchange(self, weights: Mapping[int, Weights]) -> None:
        if not weights:
            return
        rows = list(self._read(self.values))
        for index, other in weights.items():
            rows[index] = other.params
        self._write(self.values, rows)
        self._write_running({index: other.running for index, other in weights.items()})

    def state(self, index: int) -> LaneState:
        """Return a copy of the state of the lane at `index`."""
        config = self.lanes[index].config
        empty = np.empty(0, dtype=np.float32)
        params, running = self.weights(index)
        return LaneState(
            params=params,
            first_moment=self._read(self.first_moment)[index].copy(),
            second_moment=(
                self._read(self.second_moment)[index].copy()
                if config.optimizer == "adamw"
                else empty
            ),
            running=running,
            steps=self.steps_made,
        )

    def rows(self, first: int, end: int) -> Row:
        """Return the parameters of lanes [first, end) for an optimizer.

        Those of deeper layers are of fewer lanes, where some of them are shallower.
        """
        used = slice(self.depths[first] + 1)

        def of(buffer: ParameterBuffer) -> list[Tensor]:
            return [*(m[first:end] for m in buffer.matrices[used]), buffer.vectors[first:end]]

        params = of(self.values)
        return Row(
            params,
            of(self.grads),
            of(self.first_moment),
            of(self.second_moment),
            [self.steps] * len(params),
        )
