"""A run of neighbouring lanes of a layer with the same activation, activated by one call.

Notation as in `search.engines.stacked.stack`: n lanes, N rows, H units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from search.engines.stacked.kernels import Params, get_kernel
from search.engines.stacked.parameters import view
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, NetworkConfig
from search.networks.parameter_layout import ParameterSlice, learned_name

#: Most lanes of a run on a processor: the buffers that the passes of eight 64 x 64 layers share
#: stay in the cache.
RUN_LANES = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KernelBuffers:
    """The part of a layer's buffers that belongs to the lanes of a run."""

    lanes: Sequence[Lane]
    first: int
    #: Linear output, (n, N, H); where it is `active` as well, kernels work in buffers.
    pre: Tensor
    active: Tensor
    grad: Tensor
    scratch: tuple[Tensor, Tensor]
    #: All vectors of the lanes and their gradients, (n, S), and the slices of this layer's.
    vectors: Tensor
    vector_grads: Tensor
    pieces: Mapping[str, ParameterSlice]
    #: The vector that is added to `pre` before activation: the bias, or a normalization's shift.
    offset: ParameterSlice

    @property
    def config(self) -> NetworkConfig:
        """The configuration of the first lane; all lanes have its kernel key."""
        return self.lanes[0].config

    def learned(self, vectors: Tensor) -> dict[str, Tensor]:
        """View the learned numbers of the activation in `vectors`, (n, 1, units) each."""
        size = {"layer": 1, "channel": self.config.width}
        return {
            name: view(vectors, self.pieces[learned_name(name)].head(size[sharing]))
            for name, sharing in self.config.learned
        }


class KernelRun:
    """The activation's passes over a run. The layer adds the offset for all its runs."""

    def __init__(self, buffers: KernelBuffers, dimensions: Dimensions) -> None:
        config = buffers.config
        row = config.row
        #: The lanes [first, end) of the layer.
        self.first, self.end = buffers.first, buffers.first + len(buffers.lanes)
        #: The numbers that the activation learns, by parameter, (n, 1, units).
        self.learned: Mapping[str, Tensor] = buffers.learned(buffers.vectors)
        self._kernel = get_kernel(row, plain=config.plain)
        #: Whether the slope is drawn anew at every training step.
        self.noisy = row.noisy
        self._buffers = buffers
        numbers = [self._kernel.numbers(lane.config.activation_numbers) for lane in buffers.lanes]
        #: Parameters that are not learned, (n, 1, 1) each.
        self._fixed = {
            key: dimensions.column([row[key] for row in numbers])
            for key in numbers[0]
            if key not in self.learned
        }
        self._noiseless = {**self._fixed, **self.learned}
        #: The parameters of the last forward pass, kept for the backward pass.
        self._params: Params = self._noiseless
        self._learned_grads = buffers.learned(buffers.vector_grads)

    def forward(self, noise: Tensor | None) -> None:
        """Activate; `noise` (n, N, H) of the whole layer, on [0, 1), moves a noisy slope."""
        buffers = self._buffers
        self._params = self._noiseless
        if noise is not None and self.noisy:
            run_noise = noise[self.first : self.end]
            drawn = torch.lerp(self._fixed["lower"], self._fixed["upper"], run_noise)
            self._params = {**self._fixed, "slope": drawn}
        self._kernel.forward(buffers.pre, buffers.active, self._params, buffers.scratch)

    def backward(self) -> None:
        """Turn dL/d(active) into dL/d(pre), and write the gradients of learned parameters."""
        buffers = self._buffers
        for name, out in self._learned_grads.items():
            gradient = self._kernel.gradients[name]
            elementwise = gradient(
                buffers.grad, buffers.pre, buffers.active, self._params, buffers.scratch
            )
            dims = (1, 2) if out.shape[2] == 1 else (1,)
            torch.sum(elementwise, dims, keepdim=True, out=out)
        self.multiply_by_derivative()

    def multiply_by_derivative(self) -> None:
        """Multiply the gradient with the derivative of the last forward pass."""
        buffers = self._buffers
        self._kernel.backward(
            buffers.grad, buffers.pre, buffers.active, self._params, buffers.scratch
        )


def kernel_runs(lanes: Sequence[Lane], *, on_host: bool) -> Iterator[tuple[int, Sequence[Lane]]]:
    """Cut `lanes` where the kernel changes; yield (index of first, lanes).

    On a processor also after RUN_LANES; on a GPU a long run costs as much as a short one.
    """
    most = RUN_LANES if on_host else max(1, len(lanes))
    first = 0
    for _, group in groupby(lanes, key=lambda lane: lane.config.kernel_key):
        members = list(group)
        for start in range(0, len(members), most):
            yield first + start, members[start : start + most]
        first += len(members)
