"""One hidden layer of a stack: its buffers, and views of its parameters and gradients.

Products are made for all lanes of a layer at once, whatever their activations; activations are
applied run by run. A run is a few neighbouring lanes with the same kernel: few enough for what its
passes share to stay in the processor's cache. Every view that a step needs is made here, once:
making one costs as much as a small kernel. Notation as in `search.stack`: n lanes reach the layer,
N rows, H width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from search.activations import ActivationName
from search.kernels import KERNEL_PARAMS, Params, get_kernel
from search.lane import Lane
from search.parameters import Parameters, Shape

#: Lanes of one run at most: the scratch of eight 64 x 64 layers is 256 KiB.
RUN_LANES = 8


class Workspace:
    """Buffers (L, N, H) that all layers of a stack share."""

    def __init__(self, parameters: Parameters, rows: int, shape: Shape) -> None:
        lanes, width = len(parameters.lanes), parameters.lanes[0].config.width

        def buffer() -> Tensor:
            return shape.empty(lanes, rows, width)

        self.rows = rows
        self.scratch = (buffer(), buffer())
        #: The gradient of the output layer's input; then every second layer's.
        self.last_grad = buffer()
        self.other_grad = buffer()
        #: What enters the output layer, where lanes differ in depth.
        self.last = buffer() if len(set(parameters.depths)) > 1 else torch.empty(0)


class Run:
    """Lanes [first, end) of a layer, which have the same kernel, as the kernel takes them."""

    def __init__(self, layer: Layer, lanes: Sequence[Lane], first: int, shape: Shape) -> None:
        config = lanes[0].config
        name = ActivationName(config.activation)
        self.first, self.end = first, first + len(lanes)
        self.kernel = get_kernel(name, plain=config.plain)
        own = slice(self.first, self.end)
        self.pre, self.active, self.grad = layer.pre[own], layer.active[own], layer.grad[own]
        self.scratch = (layer.scratch[0][: len(lanes)], layer.scratch[1][: len(lanes)])

        def learned(vectors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            size = {"layer": 1, "channel": config.width}
            return {name: vectors[name][own, :, : size[how]] for name, how in config.learned}

        translate = KERNEL_PARAMS.get(name, dict)
        numbers = [translate(lane.config.activation_numbers) for lane in lanes]
        values = learned(layer.vectors)
        #: Parameters that are not learned, (lanes, 1, 1) each.
        self.fixed = {
            key: shape.column([row[key] for row in numbers])
            for key in numbers[0]
            if key not in values
        }
        self.quiet_params = {**self.fixed, **values}
        #: What the activation took in the forward pass, kept for the backward pass.
        self.params: Params = self.quiet_params
        self.learned_grads = learned(layer.vector_grads)

    def forward(self, noise: Tensor | None) -> None:
        """Activate; `noise` (n, N, H) on [0, 1) moves the slope of a noisy kernel."""
        if noise is not None and self.kernel.noisy:
            own = noise[self.first : self.end]
            drawn = torch.lerp(self.fixed["lower"], self.fixed["upper"], own)
            self.params = {**self.fixed, "slope": drawn}
        else:
            self.params = self.quiet_params
        self.kernel.forward(self.pre, self.active, self.params, self.scratch)

    def backward(self) -> None:
        """Turn dL/d(active) in `grad` into dL/d(pre), and write what learned parameters get."""
        for name, slot in self.learned_grads.items():
            gradient = self.kernel.gradients[name]
            elementwise = gradient(self.grad, self.pre, self.active, self.params, self.scratch)
            dims = (1, 2) if slot.shape[2] == 1 else (1,)
            torch.sum(elementwise, dims, keepdim=True, out=slot)
        self.kernel.backward(self.grad, self.pre, self.active, self.params, self.scratch)


class Layer:
    """The k-th hidden layer, counted from 0, for the `lanes` lanes that reach it."""

    def __init__(self, parameters: Parameters, k: int, workspace: Workspace, shape: Shape) -> None:
        values, grads = parameters.values, parameters.grads
        pieces = parameters.row.layers[k]
        config = parameters.lanes[0].config
        self.lanes = n = parameters.counts[k]
        self.weight, self.weight_grad = values.matrices[k + 1], grads.matrices[k + 1]
        self.weight_transposed = self.weight.transpose(1, 2)
        self.vectors = {name: values.vector(piece, n) for name, piece in pieces.items()}
        self.vector_grads = {name: grads.vector(piece, n) for name, piece in pieces.items()}
        self.bias, self.bias_grad = self.vectors["bias"], self.vector_grads["bias"]
        self.running = parameters.running[:n, k]  # (n, 2, H)

        def buffer() -> Tensor:
            return shape.empty(n, workspace.rows, config.width)

        self.linear = buffer()
        self.pre = buffer() if parameters.normalization.normalizes else self.linear
        self.active = self.pre if parameters.in_place else buffer()
        drops = any(lane.config.dropout > 0 for lane in parameters.lanes)
        self.mask = buffer() if drops else None
        #: The active units, in training after dropout.
        self.output = buffer() if drops else self.active
        #: 1 / deviation of the normalization, kept from the forward to the backward pass.
        self.inverse = torch.empty(0)
        self.scratch = (workspace.scratch[0][:n], workspace.scratch[1][:n])
        # Two buffers take turns as gradient; the deepest layer's is the output layer's own.
        buffers = (workspace.last_grad, workspace.other_grad)
        turn = (len(parameters.counts) - 1 - k) % 2
        #: dL/d(this layer's output).
        self.grad = buffers[turn][:n]
        #: dL/d(the output of the layer below), for this layer's lanes.
        self.grad_below = buffers[1 - turn][:n]
        #: Lanes from `stays` on have this layer as their last one.
        self.stays = parameters.counts[k + 1] if k + 1 < len(parameters.counts) else 0
        self.leaves = self.stays < n
        self.last = workspace.last[self.stays : n]
        self.last_grad = workspace.last_grad[self.stays : n]
        self.leaving_grad = self.grad[self.stays :] if turn else None
        runs = kernel_runs(parameters.lanes[:n])
        self.runs = [Run(self, lanes, first, shape) for first, lanes in runs]


def kernel_runs(lanes: Sequence[Lane]) -> Iterator[tuple[int, Sequence[Lane]]]:
    """Cut `lanes` where the kernel changes and after RUN_LANES; yield (index of first, lanes)."""
    first = 0
    for _, group in groupby(lanes, key=lambda lane: lane.config.kernel_key):
        members = list(group)
        for start in range(0, len(members), RUN_LANES):
            yield first + start, members[start : start + RUN_LANES]
        first += len(members)
