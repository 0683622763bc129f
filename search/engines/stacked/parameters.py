"""The parameters of all lanes of a stack, their gradients and the optimizers' moments.

Notation: L lanes sorted by depth, deepest first, n_k of them with at least k hidden layers;
D features, H width, C outputs. Weights are (n_k, in, out), with the output layer's (L, H, C) first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

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

    def copy_(self, other: ParameterBuffer) -> ParameterBuffer:
        """Copy the numbers of `other`, of the same lanes on any device; return this buffer."""
        for own, its in zip(self.matrices, other.matrices, strict=True):
            own.copy_(its)
        self.vectors.copy_(other.vectors)
        return self

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
        #: Whether states are loaded and dumped by way of copies on the host.
        self._mirrored = not dimensions.on_host
        self._host = replace(dimensions, device="cpu")
        self._new_buffer = partial(ParameterBuffer, fans, self.row.size)
        self.values, self.grads, self.first_moment, self.second_moment = (
            self._new_buffer(dimensions) for _ in range(4)
        )
        #: Steps made, the same for all lanes: on the device, and on the host.
        self.steps = torch.zeros((), device=dimensions.device)
        self.steps_made = states[0].steps
        self.steps.fill_(self.steps_made)
        #: Running mean and variance of each layer, (L, depth, 2, H).
        self.running = dimensions.zeros(len(lanes), self.depths[0], 2, first.width)
        #: Copies on the host, by buffer, of what the device holds; a processor needs none.
        self._copies: dict[ParameterBuffer, ParameterBuffer] = {}
        self._running_copy: Tensor | None = None
        self._load_all(self.values, [state.params for state in states])
        self._load_all(self.first_moment, [state.first_moment for state in states])
        self._load_all(self.second_moment, [state.second_moment for state in states])
        self._load_running({index: state.running for index, state in enumerate(states)})

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

    def _views(self, buffer: ParameterBuffer, index: int) -> list[Tensor]:
        """View all numbers of one lane in the order of LaneState: weights, then vectors."""
        matrices = [matrix[index] for matrix in buffer.matrices[: self.depths[index] + 1]]
        row = buffer.vectors[index]
        return [*matrices, *(row[p.start : p.start + p.size] for p in self._pieces(index))]

    def trained(self, steps: int) -> None:
        """Note that all lanes have changed, `steps` steps having been made in all."""
        self.steps_made = steps
        self._copies.clear()
        self._running_copy = None

    def _on_host(self, buffer: ParameterBuffer) -> ParameterBuffer:
        """Return a buffer of the host with the numbers of `buffer`: itself, or a copy.

        One copy serves all lanes, since the host waits for each.
        """
        if not self._mirrored:
            return buffer
        if buffer not in self._copies:
            self._copies[buffer] = self._new_buffer(self._host).copy_(buffer)
        return self._copies[buffer]

    def _running_on_host(self) -> Tensor:
        if self._running_copy is None:
            self._running_copy = self.running.cpu()
        return self._running_copy

    def _dump(self, buffer: ParameterBuffer, index: int) -> NDArray[np.floating]:
        views = self._views(self._on_host(buffer), index)
        array: NDArray[np.floating] = torch.cat([tensor.reshape(-1) for tensor in views]).numpy()
        return array

    def _load_all(self, buffer: ParameterBuffer, rows: Sequence[NDArray[np.floating]]) -> None:
        """Load a lane's numbers from each of `rows`; zeros for lanes whose row is empty."""
        staged = buffer if not self._mirrored else self._new_buffer(self._host)
        for index, flat in enumerate(rows):
            if flat.size:
                self._load(staged, index, flat)
        if staged is not buffer:
            buffer.copy_(staged)

    def _load_running(self, rows: Mapping[int, NDArray[np.floating]]) -> None:
        staged = self.running.cpu()
        for index, running in rows.items():
            if running.size:
                staged[index, : self.depths[index]] = torch.from_numpy(running)
        self.running.copy_(staged)

    def _load(self, buffer: ParameterBuffer, index: int, flat: NDArray[np.floating]) -> None:
        views = self._views(buffer, index)
        parts = torch.split(torch.from_numpy(flat), [view.numel() for view in views])
        for view, part in zip(views, parts, strict=True):
            view.copy_(part.view(view.shape))

    def weights(self, index: int) -> Weights:
        """Return a copy of the weights of the lane at `index`."""
        running = np.empty(0, dtype=np.float32)
        if self.normalization.running:
            running = self._running_on_host()[index, : self.depths[index]].numpy().copy()
        return Weights(self._dump(self.values, index), running)

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
        staged = self._on_host(self.values)
        for index, other in weights.items():
            self._load(staged, index, other.params)
        if staged is not self.values:
            self.values.copy_(staged)
        self._load_running({index: other.running for index, other in weights.items()})

    def state(self, index: int) -> LaneState:
        """Return a copy of the state of the lane at `index`."""
        config = self.lanes[index].config
        empty = np.empty(0, dtype=np.float32)
        params, running = self.weights(index)
        return LaneState(
            params=params,
            first_moment=self._dump(self.first_moment, index),
            second_moment=(
                self._dump(self.second_moment, index) if config.optimizer == "adamw" else empty
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
