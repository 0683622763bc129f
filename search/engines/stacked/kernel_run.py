"""A few neighbouring lanes of a layer with the same activation, as one call activates them.

Notation as in `search.engines.stacked.stack`: n lanes, N rows, H units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from search.activations import ACTIVATIONS, ActivationName
from search.engines.stacked.kernels import KERNEL_PARAMS, Params, get_kernel
from search.engines.stacked.parameters import view
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, NetworkConfig
from search.networks.parameter_layout import ParameterSlice

#: Lanes of one run at most: what the passes of eight 64 x 64 layers share stays in the cache.
RUN_LANES = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KernelBuffers:
    """The memory that a run works on: its lanes' part of a layer's buffers."""

    lanes: Sequence[Lane]
    first: int
    #: Linear output, (n, N, H); where it is `active` as well, kernels work in place.
    pre: Tensor
    active: Tensor
    grad: Tensor
    scratch: tuple[Tensor, Tensor]
    #: All vectors of the lanes and their gradients, (n, S), and where the layer's are in them.
    vectors: Tensor
    vector_grads: Tensor
    pieces: Mapping[str, ParameterSlice]
    #: The vector that is added to `pre` before activation: the bias, or a normalization's shift.
    offset: ParameterSlice

    @property
    def config(self) -> NetworkConfig:
        """The configuration of any of the lanes: they share what decides the kernel."""
        return self.lanes[0].config

    def learned(self, vectors: Tensor) -> dict[str, Tensor]:
        """View what the activation learns in `vectors`, (n, 1, units) each."""
        size = {"layer": 1, "channel": self.config.width}
        return {
            name: view(vectors, self.pieces[name].head(size[sharing]))
            for name, sharing in self.config.learned
        }


class KernelRun:
    """Passes by torch's own kernels. The layer adds the offset for all its runs."""

    def __init__(self, place: KernelBuffers, shape: Dimensions) -> None:
        config = place.config
        name = ActivationName(config.activation)
        #: The lanes [first, end) of the layer.
        self.first, self.end = place.first, place.first + len(place.lanes)
        #: What each activation learns, by its parameter's name, (n, 1, units).
        self.learned: Mapping[str, Tensor] = place.learned(place.vectors)
        self._kernel = get_kernel(name, plain=config.plain)
        #: Whether the slope is drawn anew at every training step.
        self.noisy = ACTIVATIONS[name].noisy
        self._place = place
        translate = KERNEL_PARAMS.get(name, dict)
        numbers = [translate(lane.config.activation_numbers) for lane in place.lanes]
        #: Parameters that are not learned, (n, 1, 1) each.
        self._fixed = {
            key: shape.column([row[key] for row in numbers])
            for key in numbers[0]
            if key not in self.learned
        }
        self._quiet = {**self._fixed, **self.learned}
        #: What the activation took in the forward pass, kept for the backward pass.
        self._params: Params = self._quiet
        self._learned_grads = place.learned(place.vector_grads)

    def forward(self, noise: Tensor | None) -> None:
        """Activate; `noise` (n, N, H) of the whole layer, on [0, 1), moves a noisy slope."""
        place = self._place
        self._params = self._quiet
        if noise is not None and self.noisy:
            own = noise[self.first : self.end]
            drawn = torch.lerp(self._fixed["lower"], self._fixed["upper"], own)
            self._params = {**self._fixed, "slope": drawn}
        self._kernel.forward(place.pre, place.active, self._params, place.scratch)

    def backward(self) -> None:
        """Turn dL/d(active) into dL/d(pre), and write the gradients of learned parameters."""
        place = self._place
        for name, slot in self._learned_grads.items():
            gradient = self._kernel.gradients[name]
            elementwise = gradient(place.grad, place.pre, place.active, self._params, place.scratch)
            dims = (1, 2) if slot.shape[2] == 1 else (1,)
            torch.sum(elementwise, dims, keepdim=True, out=slot)
        self.slopes()

    def slopes(self) -> None:
        """Multiply the gradient with the derivative of the last forward pass."""
        place = self._place
        self._kernel.backward(place.grad, place.pre, place.active, self._params, place.scratch)


def kernel_runs(lanes: Sequence[Lane]) -> Iterator[tuple[int, Sequence[Lane]]]:
    """Cut `lanes` where the kernel changes and after RUN_LANES; yield (index of first, lanes)."""
    first = 0
    for _, group in groupby(lanes, key=lambda lane: lane.config.kernel_key):
        members = list(group)
        for start in range(0, len(members), RUN_LANES):
            yield first + start, members[start : start + RUN_LANES]
        first += len(members)
