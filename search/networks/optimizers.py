"""Optimizers over the rows of one setting: torch's own fused kernels.

A row is the memory of neighbouring lanes with the same settings, such as the folds of a trial. One
fused call makes one pass over it, while learning rate, decay and momentum stay the row's own; seven
passes over all lanes at once, with a rate a lane, took three times as long. Weight decay touches
weight matrices only, never biases, normalization or learned slopes: decay would pull a PReLU's
slope towards ReLU (He et al. 2015, section 2). The descent applies it before `update` is called:
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
    """Output weight, layer weights, vectors of some lanes; views of the stack's storage."""

    params: list[Tensor]
    grads: list[Tensor]
    first_moment: list[Tensor]
    second_moment: list[Tensor]
    #: Steps made including this one, the same 0-dim tensor once for every parameter.
    steps: list[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """A row of the table below; `update(row, learning rate, momentum)` makes one step."""

    title: str
    #: Whether decay shrinks the weights directly, instead of entering the gradient.
    decoupled_decay: bool
    #: Whether every parameter has a rate of its own (Adam), or all share one (SGD).
    adaptive: bool
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
