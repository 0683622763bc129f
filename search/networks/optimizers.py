"""Optimizers of a stack: torch's own fused kernels, called once for lanes of equal settings.

Lanes with equal settings, such as the folds of a trial, lie side by side in memory. One fused call
updates all of them in one pass, with their own learning rate, decay and momentum; seven passes over
all lanes of a stack, with a rate a lane, took three times as long. Weight decay touches
weight matrices only, never biases, normalization or learned slopes: decay would pull a PReLU's
slope towards ReLU (He et al. 2015, section 2). The caller applies weight decay before `update`:
decoupled (to the weights), or coupled (to their gradient).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True, slots=True)
class Row:
    """Parameters of neighbouring lanes with equal settings, as views of the stack's storage.

    Each list holds the output weight, the weights of the layers, then the vectors.
    """

    params: list[Tensor]
    grads: list[Tensor]
    first_moment: list[Tensor]
    second_moment: list[Tensor]
    #: Steps made including the current one, the same 0-dim tensor once for every parameter.
    steps: list[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """An entry of the table below."""

    title: str
    #: Whether decay shrinks the weights directly, instead of entering the gradient.
    decoupled_decay: bool
    #: Whether step sizes adapt to each parameter (Adam), or all share one rate (SGD).
    adaptive: bool
    #: Makes one step, given the parameters, the learning rate and the momentum.
    update: Callable[[Row, float, float], None]
    paper: str


def _adamw(row: Row, learning_rate: float, _momentum: float) -> None:
    torch._fused_adamw_(
        row.params,
        row.grads,
        row.first_moment,
        row.second_moment,
        [],
        row.steps,
        lr=learning_rate,
        beta1=BETA1,
        beta2=BETA2,
        weight_decay=0.0,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )


def _sgd(row: Row, learning_rate: float, momentum: float) -> None:
    # A zero buffer makes the first step's momentum the gradient itself, as in torch.optim.SGD;
    # without momentum the kernel insists on having no buffer.
    torch._fused_sgd_(
        row.params,
        row.grads,
        row.first_moment if momentum > 0 else [],
        weight_decay=0.0,
        momentum=momentum,
        lr=learning_rate,
        dampening=0.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )


OPTIMIZERS: dict[str, Optimizer] = {
    "adamw": Optimizer(
        title="AdamW",
        decoupled_decay=True,
        adaptive=True,
        update=_adamw,
        paper="Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization",
    ),
    "sgd": Optimizer(
        title="SGD with momentum",
        decoupled_decay=False,
        adaptive=False,
        update=_sgd,
        paper="Sutskever et al. (2013), On the Importance of Initialization and Momentum",
    ),
}


#: Added to the norm before dividing, as in torch.nn.utils.clip_grad_norm_.
CLIP_EPSILON = 1e-6
