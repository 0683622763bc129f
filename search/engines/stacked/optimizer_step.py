"""One optimizer step for every lane of a stack, each with its own settings.

Notation: L lanes, n_k of them reach layer k. Order of a step: clip the gradient by its global norm
(Pascanu et al. 2013), decay the weights, update. It is that of torch.nn.utils.clip_grad_norm_
followed by torch.optim, lane by lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch

from search.engines.stacked.parameters import Parameters
from search.networks.dimensions import Dimensions
from search.networks.lane import NetworkConfig
from search.networks.optimizers import CLIP_EPSILON, OPTIMIZERS
from search.networks.schedules import SCHEDULES


class StackOptimizer:
    """Updates the lanes of a stack by torch's own kernels, one fused update for each setting."""

    def __init__(self, parameters: Parameters, *, steps_total: int, dimensions: Dimensions) -> None:
        configs = [lane.config for lane in parameters.lanes]
        self._configs, self._parameters, self._steps_total = configs, parameters, steps_total
        self._optimizers = [OPTIMIZERS[config.optimizer] for config in configs]
        #: (index of the first lane, parameters) of neighbours with the same settings.
        self._rows = [(first, parameters.rows(first, end)) for first, end in _runs(configs)]
        decoupled = [optimizer.decoupled_decay for optimizer in self._optimizers]
        decays = [config.weight_decay for config in configs]
        #: Weight decay that shrinks weights directly, and that which enters the gradient.
        self._shrink = [d if way else 0.0 for d, way in zip(decays, decoupled, strict=True)]
        coupled = [0.0 if way else d for d, way in zip(decays, decoupled, strict=True)]
        self._couples, self._coupled = any(coupled), dimensions.column(coupled)
        clips = [config.gradient_clip for config in configs]
        self._clips = any(clip is not None for clip in clips)
        limits = [float("inf") if clip is None else clip for clip in clips]
        self._clip = dimensions.column(limits).view(-1)
        self._column = dimensions.column

    def step(self, step: int) -> None:
        """Make step number `step`, counted from 0 at the start of the training."""
        if self._clips:
            self._clip_gradients()
        rates = self._rates(step)
        self._decay(rates)
        self._parameters.steps.add_(1)
        for first, row in self._rows:
            self._optimizers[first].update(row, rates[first], self._configs[first].momentum)

    def _rates(self, step: int) -> list[float]:
        schedules = {config.schedule for config in self._configs}
        factors = {name: SCHEDULES[name](step, self._steps_total) for name in schedules}
        return [config.learning_rate * factors[config.schedule] for config in self._configs]

    def _clip_gradients(self) -> None:
        grads = self._parameters.grads
        total = grads.vectors.square().sum(1)  # (L,)
        for matrix in grads.matrices:
            total[: len(matrix)] += torch.linalg.vector_norm(matrix, dim=(1, 2)).square_()
        factor = (self._clip / (total.sqrt_() + CLIP_EPSILON)).clamp_max_(1.0)
        grads.vectors.mul_(factor.view(-1, 1))
        for matrix in grads.matrices:
            matrix.mul_(factor[: len(matrix)].view(-1, 1, 1))

    def _decay(self, rates: list[float]) -> None:
        values, grads = self._parameters.values, self._parameters.grads
        if any(self._shrink):
            shrink = zip(rates, self._shrink, strict=True)
            factor = self._column([1.0 - rate * decay for rate, decay in shrink])
            for matrix in values.matrices:
                matrix.mul_(factor[: len(matrix)])
        if self._couples:
            for matrix, gradient in zip(values.matrices, grads.matrices, strict=True):
                gradient.addcmul_(matrix, self._coupled[: len(matrix)])


def _runs(configs: Sequence[NetworkConfig]) -> Iterator[tuple[int, int]]:
    """Yield [first, end) of neighbours with equal settings of the optimizer."""
    first = 0
    for _, group in groupby(configs, key=_settings):
        end = first + len(list(group))
        yield first, end
        first = end


def _settings(config: NetworkConfig) -> tuple[int, str, str, float, float]:
    schedule, optimizer = config.schedule, config.optimizer
    return (config.depth, schedule, optimizer, config.learning_rate, config.momentum)
