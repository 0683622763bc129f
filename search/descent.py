"""One optimizer step for every lane of a stack, each with its own settings.

Notation: L lanes, n_k of them reach layer k. Order of a step: clip the gradient by its global norm
(Pascanu et al. 2013), decay the weights, update. It is that of torch.nn.utils.clip_grad_norm_
followed by torch.optim, lane by lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor

from search.lane import NetworkConfig
from search.optimizers import OPTIMIZERS
from search.parameters import Bank, Parameters, Shape
from search.schedules import SCHEDULES

#: Added to the norm before dividing, as in torch.nn.utils.clip_grad_norm_.
_CLIP_EPSILON = 1e-6


class Descent(Protocol):
    """Steps the lanes of a stack through their training."""

    def step(self, step: int) -> None:
        """Make step number `step`, counted from 0 at the start of the training."""
        ...


class Settings:
    """What the optimizers of a stack are told, lane by lane."""

    def __init__(self, configs: Sequence[NetworkConfig], steps_total: int, shape: Shape) -> None:
        self.optimizers = [OPTIMIZERS[config.optimizer] for config in configs]
        self._rates = [config.learning_rate for config in configs]
        self._schedules = [config.schedule for config in configs]
        self._steps_total = steps_total
        decoupled = [optimizer.decoupled_decay for optimizer in self.optimizers]
        decays = [config.weight_decay for config in configs]
        #: Weight decay that shrinks weights directly, and that which enters the gradient.
        self.shrink = [d if way else 0.0 for d, way in zip(decays, decoupled, strict=True)]
        self.coupled = [0.0 if way else d for d, way in zip(decays, decoupled, strict=True)]
        clips = [config.gradient_clip for config in configs]
        self.clips = any(clip is not None for clip in clips)
        limits = [float("inf") if clip is None else clip for clip in clips]
        self._clip = shape.column(limits).view(-1)

    def rates(self, step: int) -> list[float]:
        """Return each lane's learning rate at `step`."""
        factors = {name: SCHEDULES[name](step, self._steps_total) for name in {*self._schedules}}
        return [
            rate * factors[schedule]
            for rate, schedule in zip(self._rates, self._schedules, strict=True)
        ]

    def clip_factors(self, grads: Bank) -> Tensor:
        """Return what each lane's gradients are to be multiplied with, (L,)."""
        total = grads.vectors.square().sum(1)  # (L,)
        for matrix in grads.matrices:
            total[: len(matrix)] += torch.linalg.vector_norm(matrix, dim=(1, 2)).square_()
        return (self._clip / (total.sqrt_() + _CLIP_EPSILON)).clamp_max_(1.0)


class KernelDescent:
    """Steps by torch's own kernels, on any device: one fused update for each setting."""

    def __init__(self, parameters: Parameters, *, steps_total: int, shape: Shape) -> None:
        configs = [lane.config for lane in parameters.lanes]
        self._parameters = parameters
        self._settings = Settings(configs, steps_total, shape)
        #: (index of the first lane, its settings, memory) of neighbours with the same settings.
        self._rows = [
            (first, configs[first], parameters.rows(first, end)) for first, end in _runs(configs)
        ]
        self._shrinks, self._couples = any(self._settings.shrink), any(self._settings.coupled)
        self._coupled = shape.column(self._settings.coupled)
        self._column = shape.column

    def step(self, step: int) -> None:
        """Make step number `step`, counted from 0 at the start of the training."""
        settings = self._settings
        if settings.clips:
            self._clip_gradients()
        rates = settings.rates(step)
        self._decay(rates)
        self._parameters.steps.add_(1)
        for first, config, row in self._rows:
            settings.optimizers[first].update(row, rates[first], config.momentum)

    def _clip_gradients(self) -> None:
        grads = self._parameters.grads
        factor = self._settings.clip_factors(grads)
        grads.vectors.mul_(factor.view(-1, 1))
        for matrix in grads.matrices:
            matrix.mul_(factor[: len(matrix)].view(-1, 1, 1))

    def _decay(self, rates: list[float]) -> None:
        values, grads = self._parameters.values, self._parameters.grads
        if self._shrinks:
            shrink = zip(rates, self._settings.shrink, strict=True)
            factor = self._column([1.0 - rate * decay for rate, decay in shrink])
            for matrix in values.matrices:
                matrix.mul_(factor[: len(matrix)])
        if self._couples:
            for matrix, gradient in zip(values.matrices, grads.matrices, strict=True):
                gradient.addcmul_(matrix, self._coupled[: len(matrix)])


def make_descent(parameters: Parameters, *, steps_total: int, shape: Shape) -> Descent:
    """Return what steps `parameters` through a training of `steps_total` steps."""
    if shape.compiled:
        # Imported here because Numba may be missing, and takes a third of a second.
        from search.compiled.descent import CompiledDescent  # noqa: PLC0415

        return CompiledDescent(parameters, steps_total=steps_total, shape=shape)
    return KernelDescent(parameters, steps_total=steps_total, shape=shape)


def _runs(configs: Sequence[NetworkConfig]) -> Iterator[tuple[int, int]]:
    """Yield [first, end) of neighbours that the optimizer treats alike."""
    first = 0
    for _, group in groupby(configs, key=_treatment):
        end = first + len(list(group))
        yield first, end
        first = end


def _treatment(config: NetworkConfig) -> tuple[int, str, str, float, float]:
    schedule, optimizer = config.schedule, config.optimizer
    return (config.depth, schedule, optimizer, config.learning_rate, config.momentum)
