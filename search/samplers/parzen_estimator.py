"""Optuna's model of trials, a mixture with one kernel a trial, evaluated for many candidates.

The mixture is the one that Optuna builds. Only how it is drawn from and how likely it finds a
candidate is computed here, to the same numbers up to rounding: by SciPy's normal distribution
instead of loops of Python, and through tables where an axis has few values. Optuna's own takes
twice as long for the candidates of a batch.
"""

from __future__ import annotations

from math import log, pi

import numpy as np
from numpy.typing import NDArray
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.probability_distributions import (
    _BatchedCategoricalDistributions,
    _BatchedDiscreteTruncLogNormDistributions,
    _BatchedDiscreteTruncNormDistributions,
    _BatchedTruncLogNormDistributions,
    _BatchedTruncNormDistributions,
)
from scipy.special import log_ndtr, ndtr, ndtri

Floats = NDArray[np.float64]

_Range = (
    _BatchedTruncNormDistributions
    | _BatchedTruncLogNormDistributions
    | _BatchedDiscreteTruncNormDistributions
    | _BatchedDiscreteTruncLogNormDistributions
)

_LOG_SQRT_2PI = 0.5 * log(2.0 * pi)


class ParzenEstimator(_ParzenEstimator):
    """Optuna's estimator; takes the same random numbers in the same order.

    K kernels, C candidates. Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization;
    the multivariate form is Falkner et al. (2018), BOHB.
    """

    def sample(self, rng: np.random.RandomState, size: int) -> dict[str, Floats]:
        """Draw `size` candidates, by parameter."""
        mixture = self._mixture_distribution
        kernels = rng.choice(len(mixture.weights), p=mixture.weights, size=size)
        drawn: dict[str, Floats] = {}
        ranges = []
        for name, axis in zip(self._search_space, mixture.distributions, strict=True):
            if isinstance(axis, _BatchedCategoricalDistributions):
                steps = np.cumsum(axis.weights[kernels], axis=-1)
                steps[:, -1] = 1.0  # whatever rounding made of it
                drawn[name] = np.sum(steps < rng.rand(size)[:, None], axis=-1).astype(np.float64)
            else:
                ranges.append((name, axis))
        # Optuna draws the numbers of lists first, axis by axis, then those of all ranges.
        for (name, axis), quantiles in zip(
            ranges, rng.uniform(size=(len(ranges), size)), strict=True
        ):
            mu, sigma = axis.mu[kernels], axis.sigma[kernels]
            low = ndtr((axis.adapted_low - mu) / sigma)
            high = ndtr((axis.adapted_high - mu) / sigma)
            values = mu + sigma * ndtri(low + quantiles * (high - low))
            if axis.is_log:
                values = np.exp(values)
            if axis.step:
                values = axis.low + np.round((values - axis.low) / axis.step) * axis.step
            drawn[name] = values.clip(axis.low, axis.high)
        return {name: drawn[name] for name in self._search_space}

    def log_pdf(self, samples_dict: dict[str, Floats]) -> Floats:
        """Return the log likelihood of each candidate, (C,)."""
        mixture = self._mixture_distribution
        likelihoods = np.log(mixture.weights)[None]  # (1, K), then (C, K)
        for name, axis in zip(self._search_space, mixture.distributions, strict=True):
            values = samples_dict[name]
            if isinstance(axis, _BatchedCategoricalDistributions):
                of_axis = np.log(axis.weights.T)[values.astype(np.intp)]
            else:
                inside = _log_mass(axis, axis.adapted_low, axis.adapted_high)
                if axis.step:
                    distinct, places = np.unique(values, return_inverse=True)
                    edges = distinct[:, None] + np.array([-0.5, 0.5]) * axis.step
                    low, high = (np.log(edges) if axis.is_log else edges).T[..., None]
                    of_axis = (_log_mass(axis, low, high) - inside)[places]
                else:
                    values = np.log(values) if axis.is_log else values
                    of_axis = (values[:, None] - axis.mu) / axis.sigma
                    of_axis *= of_axis
                    of_axis *= -0.5
                    of_axis -= inside + np.log(axis.sigma) + _LOG_SQRT_2PI
            of_axis += likelihoods
            likelihoods = of_axis
        most = likelihoods.max(1, keepdims=True)
        most[np.isneginf(most)] = 0.0  # else -inf would be taken from -inf
        likelihoods -= most
        np.exp(likelihoods, out=likelihoods)
        with np.errstate(divide="ignore"):  # the logarithm of nothing is -inf
            total: Floats = np.log(likelihoods.sum(1)) + most[:, 0]
        return total


def _log_mass(axis: _Range, low: Floats | float, high: Floats | float) -> Floats:
    """Return the logarithm of how much of each kernel lies between `low` and `high`, (..., K)."""
    left, right = (low - axis.mu) / axis.sigma, (high - axis.mu) / axis.sigma
    # Taken where the tail is to the left, since 1 minus next to nothing is 1.
    flipped = left > 0.0
    left, right = np.where(flipped, -right, left), np.where(flipped, -left, right)
    up_to_right: Floats = log_ndtr(right)
    up_to_left: Floats = log_ndtr(left)
    return up_to_right + np.log1p(-np.exp(up_to_left - up_to_right))
