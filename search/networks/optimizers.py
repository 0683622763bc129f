"""Optimizers of a stack: torch's own fused kernels, called for many lanes at once.

On a processor one call updates neighbours of equal settings, such as the folds of a trial, in one
pass; seven passes over all lanes of a stack, with a rate a lane, took three times as long. On a GPU
few calls count for more than few passes: one updates all lanes of an optimizer, whose rates are a
column. Weight decay touches
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


@dataclass(frozen=True, slots=True)
class Columns:
    """What differs by lane in the update of a Row, for each of its parameters."""

    #: Learning rates and momenta, shaped to broadcast over the parameter.
    rates: list[Tensor]
    momenta: list[Tensor]
    #: Room for an update at a rate of 1.
    updates: list[Tensor]

    @classmethod
    def of(cls, row: Row, rates: Tensor, momenta: Tensor) -> Columns:
        """View `rates` and `momenta`, (lanes, 1, 1) each, for the parameters of `row`.

        Views, so that what is written into `rates` later counts.
        """

        def views(column: Tensor) -> list[Tensor]:
            return [column[: len(p)].view(-1, *(1,) * (p.dim() - 1)) for p in row.params]

        return cls(views(rates), views(momenta), [torch.zeros_like(p) for p in row.params])


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
    #: Makes one step with a learning rate and a momentum a lane, without a look at the host.
    update_columns: Callable[[Row, Columns], None]
    paper: str


def _adamw(row: Row, learning_rate: float, _momentum: float) -> None:
    _fused_adamw(row, row.params, learning_rate)


def _adamw_columns(row: Row, columns: Columns) -> None:
    torch._foreach_zero_(columns.updates)
    _fused_adamw(row, columns.updates, 1.0)
    for param, update, rates in zip(row.params, columns.updates, columns.rates, strict=True):
        param.addcmul_(update, rates)


def _fused_adamw(row: Row, params: list[Tensor], learning_rate: float) -> None:
    torch._fused_adamw_(
        params,
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


def _sgd_columns(row: Row, columns: Columns) -> None:
    for param, grad, moment, rates, momenta in zip(
        row.params, row.grads, row.first_moment, columns.rates, columns.momenta, strict=True
    ):
        torch.addcmul(grad, moment, momenta, out=moment)
        param.addcmul_(moment, rates, value=-1.0)


OPTIMIZERS: dict[str, Optimizer] = {
    "adamw": Optimizer(
        title="AdamW",
        decoupled_decay=True,
        adaptive=True,
        update=_adamw,
        update_columns=_adamw_columns,
        paper="Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization",
    ),
    "sgd": Optimizer(
        title="SGD with momentum",
        decoupled_decay=False,
        adaptive=False,
        update=_sgd,
        update_columns=_sgd_columns,
        paper="Sutskever et al. (2013), On the Importance of Initialization and Momentum",
    ),
}


#: Added to the norm before dividing, as in torch.nn.utils.clip_grad_norm_.
CLIP_EPSILON = 1e-6
