"""The optimizer's step of a whole stack as compiled loops (see `search.descent`)."""

from __future__ import annotations

import numpy as np

from search.compiled.update import CLIP, COUPLED, MOMENTUM, RATE, SHRINK, update
from search.descent import Settings
from search.optimizers import BETA1, BETA2, EPSILON
from search.parameters import Bank, Parameters, Shape


class CompiledDescent:
    """Clips, decays and updates all lanes in one pass over each of their parameters."""

    def __init__(self, parameters: Parameters, *, steps_total: int, shape: Shape) -> None:
        configs = [lane.config for lane in parameters.lanes]
        self._parameters = parameters
        self._settings = Settings(configs, steps_total, shape)
        banks = (
            parameters.values,
            parameters.grads,
            parameters.first_moment,
            parameters.second_moment,
        )
        #: (values, gradients, moments) of each matrix and of the vectors, (n_k, P) each.
        self._memory = list(zip(*map(_flat, banks), strict=True))
        self._adaptive = np.array([optimizer.adaptive for optimizer in self._settings.optimizers])
        self._decay = np.array(self._settings.shrink)
        self._numbers = np.ones((len(configs), 5), dtype=self._memory[0][0].dtype)
        self._numbers[:, MOMENTUM] = [config.momentum for config in configs]
        self._numbers[:, COUPLED] = self._settings.coupled

    def step(self, step: int) -> None:
        """Make step number `step`, counted from 0 at the start of the training."""
        settings, numbers = self._settings, self._numbers
        if settings.clips:
            numbers[:, CLIP] = settings.clip_factors(self._parameters.grads).numpy()
        rates = np.array(settings.rates(step))
        numbers[:, RATE] = rates
        numbers[:, SHRINK] = 1.0 - rates * self._decay
        self._parameters.steps.add_(1)
        made = step + 1
        corrections = (1.0 - BETA1**made, 1.0 - BETA2**made)
        last = len(self._memory) - 1
        for place, (values, grads, first, second) in enumerate(self._memory):
            update(
                values,
                grads,
                first,
                second,
                self._adaptive,
                numbers,
                (BETA1, BETA2),
                corrections,
                EPSILON,
                place < last,  # vectors do not decay
            )


def _flat(bank: Bank) -> list[np.ndarray]:
    return [*(matrix.flatten(1).numpy() for matrix in bank.matrices), bank.vectors.numpy()]
