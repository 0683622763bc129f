"""Many networks as one: forward and backward passes over all lanes of a stack at once.

Notation: L lanes sorted by depth, deepest first, n_k of them with more than k hidden layers;
N rows of a minibatch, D features, H width, C outputs. Activations are (n_k, N, H): deeper layers
hold fewer lanes, because shallower ones leave early. Dim 0 is always the lane.

Nothing is shared between lanes but the code: each has its own weights, activation, slope, gradients
and loss.
The backward pass is written out, over buffers that live as long as the stack: autograd would
allocate every intermediate anew, and fresh memory costs more here than arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor

from search.engines.stacked.layer import Layer, Workspace
from search.engines.stacked.parameters import Parameters
from search.networks.dimensions import Dimensions
from search.networks.losses import LOSSES
from search.networks.normalization import EPSILON, MOMENTUM
from search.study import Task


class Stack:
    """The passes over one stack for minibatches of exactly `rows` rows."""

    def __init__(
        self, parameters: Parameters, *, rows: int, task: Task, dimensions: Dimensions
    ) -> None:
        lanes = parameters.lanes
        self.rows = rows
        self._normalization = parameters.normalization
        self._loss = LOSSES[task]
        workspace = Workspace(parameters, rows, dimensions)
        self._same_depth = len(set(parameters.depths)) == 1
        self.layers = [
            Layer(parameters, k, workspace, dimensions) for k in range(lanes[0].config.depth)
        ]
        #: The output of every lane's own last layer, (L, N, H).
        self._last = self.layers[-1].output if self._same_depth else workspace.last
        self._last_grad = workspace.last_grad
        weight, weight_grad = parameters.values.matrices[0], parameters.grads.matrices[0]
        self._weight_transposed, self._weight_grad = weight.transpose(1, 2), weight_grad
        bias = parameters.values.vector(parameters.row.output, len(lanes))
        self._bias = bias.transpose(1, 2)  # (L, C, 1)
        self._bias_grad = parameters.grads.vector(parameters.row.output, len(lanes)).squeeze(1)
        self._logits = dimensions.empty(len(lanes), dimensions.outputs, rows)
        self._dropout = dimensions.column([lane.config.dropout for lane in lanes])
        self._keep_scale = 1.0 / (1.0 - self._dropout)

    def forward(
        self,
        x: Tensor,
        *,
        training: bool,
        dropout_noise: list[Tensor] | None = None,
        slope_noise: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the logits (L, C, N) of `x` (L, N, D), a buffer that the next pass overwrites.

        Noise is uniform on [0, 1), one (L, N, H) a hidden layer, where any lane needs it.
        """
        below = x
        for k, layer in enumerate(self.layers):
            n = layer.lanes
            lanes_below = below if len(below) == n else below[:n]
            if self._normalization.normalizes:
                torch.baddbmm(layer.bias, lanes_below, layer.weight, out=layer.linear)
                self._normalize(layer, training)
            else:
                torch.bmm(lanes_below, layer.weight, out=layer.linear)
            noise = slope_noise[k] if slope_noise is not None and training else None
            layer.activate(noise)
            below = layer.active
            if dropout_noise is not None and training and layer.mask is not None:
                torch.ge(dropout_noise[k][:n], self._dropout[:n], out=layer.mask)
                layer.mask.mul_(self._keep_scale[:n])
                below = torch.mul(layer.active, layer.mask, out=layer.output)
            if layer.leaves and not self._same_depth:
                layer.last.copy_(below[layer.stays :])
        last = below if self._same_depth else self._last
        return torch.baddbmm(
            self._bias, self._weight_transposed, last.transpose(1, 2), out=self._logits
        )

    def _normalize(self, layer: Layer, training: bool) -> None:
        normalization = self._normalization
        if normalization.running and not training:
            layer.linear.sub_(layer.running[:, :1])
            layer.linear.mul_(torch.rsqrt(layer.running[:, 1:] + EPSILON))
        else:
            mean, variance, layer.inverse = normalization.normalize(layer.linear, layer.scratch[0])
            if normalization.running:
                unbiased = self.rows / max(self.rows - 1, 1)
                layer.running[:, :1].lerp_(mean, MOMENTUM)
                layer.running[:, 1:].lerp_(variance * unbiased, MOMENTUM)
        torch.mul(layer.linear, layer.vectors["scale"], out=layer.pre)

    def backward(self, x: Tensor, target: Tensor) -> Tensor:
        """Write all gradients of the pass just made; return each lane's mean loss, (L,).

        `x` (L, N, D) is the input of that pass, `target` (L, N) as in `search.networks.losses`.
        """
        loss = self._loss.backward(self._logits, target)
        by_row = self._logits.transpose(1, 2)  # (L, N, C)
        torch.bmm(self._last.transpose(1, 2), by_row, out=self._weight_grad)
        torch.sum(self._logits, 2, out=self._bias_grad)
        torch.bmm(by_row, self._weight_transposed, out=self._last_grad)
        for k in reversed(range(len(self.layers))):
            layer = self.layers[k]
            if layer.leaves and layer.leaving_grad is not None:
                # Lanes that leave after this layer get their gradient from the output directly.
                layer.leaving_grad.copy_(layer.last_grad)
            self._layer_backward(layer)
            below = self.layers[k - 1].output if k else x
            below = below if len(below) == layer.lanes else below[: layer.lanes]
            torch.bmm(below.transpose(1, 2), layer.grad, out=layer.weight_grad)
            if k:
                torch.bmm(layer.grad, layer.weight_transposed, out=layer.grad_below)
        return loss

    def _layer_backward(self, layer: Layer) -> None:
        """Turn dL/d(layer's output) in `layer.grad` (n, N, H) into dL/d(linear) in place."""
        grad, scratch = layer.grad, layer.scratch
        if layer.mask is not None:
            grad.mul_(layer.mask)
        layer.differentiate()
        if self._normalization.normalizes:
            torch.mul(grad, layer.linear, out=scratch[0])
            torch.sum(scratch[0], 1, keepdim=True, out=layer.vector_grads["scale"])
            grad.mul_(layer.vectors["scale"])
            self._normalization.backward(grad, layer.linear, layer.inverse, scratch[0])
            torch.sum(grad, 1, keepdim=True, out=layer.bias_grad)
