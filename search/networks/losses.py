"""The output activation and the loss of each task, with their gradient written out.

Notation: L lanes, C outputs, N rows; logits (L, C, N): softmax is ten times as quick along a
dimension that is not the last one, where C is a handful and N fills a vector register. Softmax,
sigmoid and identity are each fused with their loss (cross-entropy, binary cross-entropy, squared
error): the gradient is then prediction minus target, and neither saturates nor overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from search.study import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A row of the table below.

    `backward(logits, target)` overwrites `logits` with dL/dlogits of each lane's mean loss and
    returns that loss, (L,). `value` only computes it. `predict` gives what metrics take, (L, N, C).
    Targets are class indices (L, N) int64 for softmax, numbers (L, N) for the others.
    """

    backward: Callable[[Tensor, Tensor], Tensor]
    value: Callable[[Tensor, Tensor], Tensor]
    predict: Callable[[Tensor], Tensor]


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    log_p = torch.log_softmax(logits, 1)
    return -log_p.gather(1, target.unsqueeze(1)).squeeze(1).mean(1)


def _cross_entropy_backward(logits: Tensor, target: Tensor) -> Tensor:
    index = target.unsqueeze(1)  # (L, 1, N)
    torch.log_softmax(logits, 1, out=logits)
    loss = -logits.gather(1, index).squeeze(1).mean(1)
    logits.exp_()
    logits.scatter_add_(1, index, logits.new_full((1, 1, 1), -1.0).expand(index.shape))
    logits.mul_(1.0 / logits.shape[2])
    return loss


def _binary(logits: Tensor, target: Tensor) -> Tensor:
    z = logits.squeeze(1)
    return (functional.softplus(z) - z * target).mean(1)


def _binary_backward(logits: Tensor, target: Tensor) -> Tensor:
    loss = _binary(logits, target)
    logits.sigmoid_().sub_(target.unsqueeze(1)).mul_(1.0 / logits.shape[2])
    return loss


def _squared(logits: Tensor, target: Tensor) -> Tensor:
    return (logits.squeeze(1) - target).square().mean(1)


def _squared_backward(logits: Tensor, target: Tensor) -> Tensor:
    logits.sub_(target.unsqueeze(1))
    loss = logits.square().mean((1, 2))
    logits.mul_(2.0 / logits.shape[2])
    return loss


def _softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, 1).transpose(1, 2)


def _sigmoid(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits).transpose(1, 2)


def _identity(logits: Tensor) -> Tensor:
    return logits.transpose(1, 2)


LOSSES: dict[Task, Loss] = {
    Task.MULTICLASS: Loss(backward=_cross_entropy_backward, value=_cross_entropy, predict=_softmax),
    Task.BINARY: Loss(backward=_binary_backward, value=_binary, predict=_sigmoid),
    Task.REGRESSION: Loss(backward=_squared_backward, value=_squared, predict=_identity),
}
