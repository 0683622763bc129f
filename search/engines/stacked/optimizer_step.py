"""One optimizer step for every lane of a stack, each with its own settings.

Notation: L lanes, n_k of them reach layer k; T steps. Order of a step: clip the gradient by its
global norm (Pascanu et al. 2013), decay the weights, update. It is that of
torch.nn.utils.clip_grad_norm_ followed by torch.optim, lane by lane.

What depends on the number of a step, the learning rates by their schedule, is computed for many
steps at once and sent to the device; a step itself never waits for the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.engines.stacked.parameters import Parameters, runs
from search.networks.dimensions import Dimensions
from search.networks.lane import Lane, NetworkConfig
from search.networks.optimizers import CLIP_EPSILON, OPTIMIZERS, Columns
from search.networks.schedules import SCHEDULES


class StackOptimizer:
    """Updates the lanes of a stack by torch's own fused kernels."""

    def __init__(self, parameters: Parameters, *, steps_total: int, dimensions: Dimensions) -> None:
        configs = [lane.config for lane in parameters.lanes]
        self._configs, self._parameters, self._steps_total = configs, parameters, steps_total
        self._dimensions = dimensions
        decoupled = [OPTIMIZERS[config.optimizer].decoupled_decay for config in configs]
        decays = [config.weight_decay for config in configs]
        #: Weight decay that shrinks weights directly, and that which enters the gradient.
        self._shrink = np.where(decoupled, decays, 0.0)
        coupled = [0.0 if way else d for d, way in zip(decays, decoupled, strict=True)]
        self._couples, self._coupled = any(coupled), dimensions.column(coupled)
        clips = [config.gradient_clip for config in configs]
        self._clips = any(clip is not None for clip in clips)
        limits = [float("inf") if clip is None else clip for clip in clips]
        self._clip = dimensions.column(limits).view(-1)
        #: Learning rates, and the factors that decay shrinks weights by, of the planned steps,
        #: (T, 2, L, 1, 1); and of the step at hand, (2, L, 1, 1).
        self._planned = dimensions.zeros(1, 2, len(configs), 1, 1)
        self._present = dimensions.zeros(2, len(configs), 1, 1)
        #: The learning rates among them on the host, (T, L).
        self._rates: NDArray[np.float64] = np.zeros((1, len(configs)))
        #: Number of the first planned step, and index of the step at hand among them.
        self._first = self._index = 0
        momenta = dimensions.column([config.momentum for config in configs])
        self._update = (
            _update_by_setting(parameters, configs)
            if dimensions.on_host
            else _update_by_column(parameters, configs, self._present[0], momenta)
        )

    def plan(self, first: int, steps: int) -> None:
        """Prepare the `steps` steps from number `first` on, counted from 0."""
        factors = {
            name: [SCHEDULES[name](first + step, self._steps_total) for step in range(steps)]
            for name in {config.schedule for config in self._configs}
        }
        by_lane = [np.array(factors[config.schedule]) for config in self._configs]
        rates = np.array([config.learning_rate for config in self._configs])
        self._rates = rates * np.stack(by_lane, axis=1)
        table = np.stack([self._rates, 1.0 - self._rates * self._shrink], axis=1)
        planned = torch.from_numpy(table).to(self._dimensions.dtype)
        self._planned = self._dimensions.send(planned)[..., None, None]
        self._first = first

    def begin(self, step: int) -> None:
        """Go to step number `step`, one of those planned."""
        self._index = step - self._first
        self._present.copy_(self._planned[self._index])

    def apply(self) -> None:
        """Make the step at hand, of which the gradients are written."""
        if self._clips:
            self._clip_gradients()
        self._decay()
        self._parameters.steps.add_(1)
        self._update(self._rates[self._index])

    def _clip_gradients(self) -> None:
        grads = self._parameters.grads
        total = grads.vectors.square().sum(1)  # (L,)
        for matrix in grads.matrices:
            total[: len(matrix)] += torch.linalg.vector_norm(matrix, dim=(1, 2)).square_()
        factor = (self._clip / (total.sqrt_() + CLIP_EPSILON)).clamp_max_(1.0)
        grads.vectors.mul_(factor.view(-1, 1))
        for matrix in grads.matrices:
            matrix.mul_(factor[: len(matrix)].view(-1, 1, 1))

    def _decay(self) -> None:
        values, grads = self._parameters.values, self._parameters.grads
        if self._shrink.any():
            for matrix in values.matrices:
                matrix.mul_(self._present[1, : len(matrix)])
        if self._couples:
            for matrix, gradient in zip(values.matrices, grads.matrices, strict=True):
                gradient.addcmul_(matrix, self._coupled[: len(matrix)])


#: Updates all lanes at the learning rates given on the host, (L,).
_Update: TypeAlias = Callable[[NDArray[np.float64]], None]


def _update_by_setting(parameters: Parameters, configs: Sequence[NetworkConfig]) -> _Update:
    """One call for neighbours with the same settings, which suits a processor's caches."""
    rows = [
        (first, OPTIMIZERS[configs[first].optimizer], parameters.rows(first, end))
        for first, end in runs(parameters.lanes, _settings)
    ]

    def update(rates: NDArray[np.float64]) -> None:
        for first, optimizer, row in rows:
            optimizer.update(row, float(rates[first]), configs[first].momentum)

    return update


def _update_by_column(
    parameters: Parameters, configs: Sequence[NetworkConfig], rates: Tensor, momenta: Tensor
) -> _Update:
    """One call for neighbours with the same optimizer: few calls, at the `rates` (L, 1, 1)."""
    rows = []
    for first, end in runs(parameters.lanes, lambda lane: lane.config.optimizer):
        row = parameters.rows(first, end)
        columns = Columns.of(row, rates[first:end], momenta[first:end])
        rows.append((OPTIMIZERS[configs[first].optimizer], row, columns))

    def update(_rates: NDArray[np.float64]) -> None:
        for optimizer, row, columns in rows:
            optimizer.update_columns(row, columns)

    return update


def _settings(lane: Lane) -> tuple[int, str, str, float, float]:
    config = lane.config
    schedule, optimizer = config.schedule, config.optimizer
    return (config.depth, schedule, optimizer, config.learning_rate, config.momentum)
