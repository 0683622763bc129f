"""One hidden layer of a stack: its buffers, and views of its parameters and gradients.

Products are made for all lanes of a layer at once, whatever their activations; activations are
applied run by run (see `search.engines.stacked.kernel_run`). Every view that a step needs is made
here, once: making one costs as much as a small kernel. Notation as in
`search.engines.stacked.stack`: n lanes reach the layer, N rows, H width.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from search.engines.stacked.kernel_run import KernelBuffers, KernelRun, kernel_runs
from search.engines.stacked.parameters import Parameters
from search.networks.dimensions import Dimensions
from search.networks.parameter_layout import ParameterSlice


class Workspace:
    """Buffers (L, N, H) that all layers of a stack share."""

    def __init__(self, parameters: Parameters, rows: int, dimensions: Dimensions) -> None:
        lanes, width = len(parameters.lanes), parameters.lanes[0].config.width

        def buffer() -> Tensor:
            return dimensions.empty(lanes, rows, width)

        self.rows = rows
        self.scratch = (buffer(), buffer())
        #: The gradient of the output layer's input; then every second layer's.
        self.last_grad = buffer()
        self.other_grad = buffer()
        #: The input of the output layer, where lanes differ in depth.
        self.last = buffer() if len(set(parameters.depths)) > 1 else torch.empty(0)


class Layer:
    """The k-th hidden layer, counted from 0, for the `lanes` lanes that reach it."""

    def __init__(
        self, parameters: Parameters, k: int, workspace: Workspace, dimensions: Dimensions
    ) -> None:
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
            return dimensions.empty(n, workspace.rows, config.width)

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
        # Two buffers alternate as gradient; the deepest layer's is that of the output layer.
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
        #: The vector added before activation, whose gradient is the sum over rows.
        offset = pieces["shift" if parameters.normalization.normalizes else "bias"]
        self._offset = values.vector(offset, n)
        self._offset_grad = grads.vector(offset, n)
        self.runs = [
            KernelRun(buffers, dimensions)
            for buffers in self._run_buffers(parameters, k, offset, on_host=dimensions.on_host)
        ]

    def _run_buffers(
        self, parameters: Parameters, k: int, offset: ParameterSlice, *, on_host: bool
    ) -> Iterator[KernelBuffers]:
        for first, lanes in kernel_runs(parameters.lanes[: self.lanes], on_host=on_host):
            own = slice(first, first + len(lanes))
            yield KernelBuffers(
                lanes=lanes,
                first=first,
                pre=self.pre[own],
                active=self.active[own],
                grad=self.grad[own],
                scratch=(self.scratch[0][: len(lanes)], self.scratch[1][: len(lanes)]),
                vectors=parameters.values.vectors[own],
                vector_grads=parameters.grads.vectors[own],
                pieces=parameters.row.layers[k],
                offset=offset,
            )

    def activate(self, noise: Tensor | None) -> None:
        """Add the offset to `pre` and activate; `noise` as `KernelRun.forward` takes it."""
        self.pre.add_(self._offset)
        for run in self.runs:
            run.forward(noise)

    def differentiate(self) -> None:
        """Turn dL/d(active) in `grad` into dL/d(pre); write the gradients of offset and numbers."""
        for run in self.runs:
            run.backward()
        torch.sum(self.grad, 1, keepdim=True, out=self._offset_grad)
