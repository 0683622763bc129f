"""Many networks as one: forward and backward passes over all lanes of a stack at once.

Notation: L lanes sorted by depth, deepest first, n_k of them with more than k hidden layers;
N rows of a minibatch, D features, H width, C outputs. Activations are (n_k, N, H): deeper layers
hold fewer lanes, because shallower ones leave early. Dim 0 is always the lane.

Nothing is shared between lanes but the code: each has its own weights, slope, gradients and loss.
The backward pass is written out, over buffers that live as long as the stack: autograd would
allocate every intermediate anew, and fresh memory costs more here than arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor

from search.activations import ActivationName
from search.kernels import KERNEL_PARAMS, KERNELS, Params
from search.losses import LOSSES
from search.normalization import EPSILON, MOMENTUM
from search.parameters import Parameters, Shape
from search.study import Task


class _Layer:
    """Buffers and parameter views of one hidden layer, for the `lanes` lanes that reach it."""

    def __init__(self, parameters: Parameters, k: int, rows: int, shape: Shape) -> None:
        values, grads = parameters.values, parameters.grads
        pieces = parameters.row.layers[k]
        config = parameters.lanes[0].config
        self.lanes = n = parameters.counts[k]
        #: Lanes from `stays` on have this layer as their last one.
        self.stays = parameters.counts[k + 1] if k + 1 < len(parameters.counts) else 0
        self.weight, self.weight_grad = values.matrices[k + 1], grads.matrices[k + 1]
        self.vectors = {name: values.vector(piece, n) for name, piece in pieces.items()}
        self.vector_grads = {name: grads.vector(piece, n) for name, piece in pieces.items()}
        self.learned: Params = {name: self.vectors[name] for name, _ in config.learned}
        self.running = parameters.running[:n, k]  # (n, 2, H)

        def buffer() -> Tensor:
            return shape.empty(n, rows, config.width)

        self.linear = buffer()
        normalized = parameters.normalization.normalizes
        self.pre = buffer() if normalized else self.linear
        self.active = self.pre if KERNELS[ActivationName(config.activation)].in_place else buffer()
        drops = any(lane.config.dropout > 0 for lane in parameters.lanes)
        self.mask = buffer() if drops else None
        self.output = buffer() if drops else self.active
        #: 1 / deviation of the normalization, kept from the forward to the backward pass.
        self.inverse = torch.empty(0)
        #: What the activation took in the forward pass, kept for the backward pass.
        self.params: Params = {}


class Stack:
    """The passes over one stack for minibatches of exactly `rows` rows."""

    def __init__(self, parameters: Parameters, *, rows: int, task: Task, shape: Shape) -> None:
        config = parameters.lanes[0].config
        lanes = len(parameters.lanes)
        self.rows = rows
        self._name = ActivationName(config.activation)
        self._kernel = KERNELS[self._name]
        self._normalization = parameters.normalization
        self._loss = LOSSES[task]
        self._values, self._grads = parameters.values, parameters.grads
        self._layers = [_Layer(parameters, k, rows, shape) for k in range(len(parameters.counts))]
        self._bias = parameters.values.vector(parameters.row.output, lanes)
        self._bias_grad = parameters.grads.vector(parameters.row.output, lanes)
        self._logits = shape.empty(lanes, rows, shape.outputs)
        self._grad = shape.empty(lanes, rows, config.width)
        self._other_grad = torch.empty_like(self._grad)
        self._scratch = (torch.empty_like(self._grad), torch.empty_like(self._grad))
        self._same_depth = len(set(parameters.depths)) == 1
        self._last = self._layers[-1].output if self._same_depth else torch.empty_like(self._grad)
        translate = KERNEL_PARAMS.get(self._name, dict)
        fixed = [translate(lane.config.activation_numbers) for lane in parameters.lanes]
        #: The activation's parameters that are not learned, (L, 1, 1) each.
        self._fixed = {
            name: shape.column([row[name] for row in fixed])
            for name in fixed[0]
            if name not in self._layers[0].learned
        }
        self._dropout = shape.column([lane.config.dropout for lane in parameters.lanes])
        self._keep_scale = 1.0 / (1.0 - self._dropout)

    @property
    def drops(self) -> bool:
        """Whether any lane has dropout, so that training needs noise for it."""
        return self._layers[0].mask is not None

    @property
    def noisy(self) -> bool:
        """Whether the activation draws its slope anew at every step."""
        return self._kernel.noisy

    def forward(
        self,
        x: Tensor,
        *,
        training: bool,
        dropout_noise: list[Tensor] | None = None,
        slope_noise: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the logits (L, N, C) of `x` (L, N, D), a buffer that the next pass overwrites.

        Noise is uniform on [0, 1), one (L, N, H) a hidden layer, where `drops` and `noisy` ask.
        """
        below = x
        for k, layer in enumerate(self._layers):
            n = layer.lanes
            torch.baddbmm(layer.vectors["bias"], below[:n], layer.weight, out=layer.linear)
            if self._normalization.normalizes:
                self._normalize(layer, training)
            noise = slope_noise[k][:n] if slope_noise is not None and training else None
            layer.params = self._activation_params(layer, noise)
            scratch = (self._scratch[0][:n], self._scratch[1][:n])
            self._kernel.forward(layer.pre, layer.active, layer.params, scratch)
            below = layer.active
            if dropout_noise is not None and training and layer.mask is not None:
                torch.ge(dropout_noise[k][:n], self._dropout[:n], out=layer.mask)
                layer.mask.mul_(self._keep_scale[:n])
                below = torch.mul(layer.active, layer.mask, out=layer.output)
            if not self._same_depth:
                self._last[layer.stays : n] = below[layer.stays :]
        last = below if self._same_depth else self._last
        return torch.baddbmm(self._bias, last, self._values.matrices[0], out=self._logits)

    def _activation_params(self, layer: _Layer, noise: Tensor | None) -> Params:
        params = {name: value[: layer.lanes] for name, value in self._fixed.items()}
        if noise is not None:
            params["slope"] = torch.lerp(params["lower"], params["upper"], noise)
        return {**params, **layer.learned}

    def _normalize(self, layer: _Layer, training: bool) -> None:
        normalization = self._normalization
        if normalization.running and not training:
            layer.linear.sub_(layer.running[:, :1])
            layer.linear.mul_(torch.rsqrt(layer.running[:, 1:] + EPSILON))
        else:
            mean, variance, layer.inverse = normalization.normalize(
                layer.linear, self._scratch[0][: layer.lanes]
            )
            if normalization.running:
                unbiased = self.rows / max(self.rows - 1, 1)
                layer.running[:, :1].lerp_(mean, MOMENTUM)
                layer.running[:, 1:].lerp_(variance * unbiased, MOMENTUM)
        torch.addcmul(layer.vectors["shift"], layer.linear, layer.vectors["scale"], out=layer.pre)

    def backward(self, x: Tensor, target: Tensor) -> Tensor:
        """Write all gradients of the pass just made; return each lane's mean loss, (L,).

        `x` (L, N, D) is what `forward` was given, `target` (L, N) as `search.losses` says.
        """
        loss = self._loss.backward(self._logits, target)
        last = self._layers[-1].output if self._same_depth else self._last
        torch.bmm(last.transpose(1, 2), self._logits, out=self._grads.matrices[0])
        torch.sum(self._logits, 1, keepdim=True, out=self._bias_grad)
        torch.bmm(self._logits, self._values.matrices[0].transpose(1, 2), out=self._grad)
        grad, other = self._grad, self._other_grad
        for k in reversed(range(len(self._layers))):
            layer = self._layers[k]
            n = layer.lanes
            if grad is not self._grad:
                # Lanes that left after this layer get their gradient from the output directly.
                grad[layer.stays : n] = self._grad[layer.stays : n]
            self._layer_backward(layer, grad[:n])
            below = self._layers[k - 1].output[:n] if k else x[:n]
            torch.bmm(below.transpose(1, 2), grad[:n], out=layer.weight_grad)
            if k:
                torch.bmm(grad[:n], layer.weight.transpose(1, 2), out=other[:n])
                grad, other = other, grad
        return loss

    def _layer_backward(self, layer: _Layer, grad: Tensor) -> None:
        """Turn dL/d(layer's output) in `grad` (n, N, H) into dL/d(linear) in place."""
        scratch = (self._scratch[0][: layer.lanes], self._scratch[1][: layer.lanes])
        if layer.mask is not None:
            grad.mul_(layer.mask)
        for name in layer.learned:
            slot = layer.vector_grads[name]
            elementwise = self._kernel.gradients[name](
                grad, layer.pre, layer.active, layer.params, scratch
            )
            dims = (1, 2) if slot.shape[2] == 1 else (1,)
            torch.sum(elementwise, dims, keepdim=True, out=slot)
        self._kernel.backward(grad, layer.pre, layer.active, layer.params, scratch)
        if self._normalization.normalizes:
            torch.mul(grad, layer.linear, out=scratch[0])
            torch.sum(scratch[0], 1, keepdim=True, out=layer.vector_grads["scale"])
            torch.sum(grad, 1, keepdim=True, out=layer.vector_grads["shift"])
            grad.mul_(layer.vectors["scale"])
            self._normalization.backward(grad, layer.linear, layer.inverse, scratch[0])
        torch.sum(grad, 1, keepdim=True, out=layer.vector_grads["bias"])
