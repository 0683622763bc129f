"""Costs of a network, its parameters and its latency, for a second objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

import torch

from search.data.fold_arrays import TrainingData
from search.networks.lane import NetworkConfig
from search.networks.normalization import NORMALIZATIONS
from search.networks.sequential import build_network

#: Single-row predictions timed for one latency; the median is robust to a busy machine.
_LATENCY_RUNS = 50


def parameter_count(config: NetworkConfig, *, features: int, outputs: int) -> int:
    """Return the number of trainable parameters, those of normalization and activation included."""
    width = config.width
    weights = features * width + (config.depth - 1) * width**2 + width * outputs
    affine = 2 * width if NORMALIZATIONS[config.normalization].normalizes else 0
    learned = sum(width if sharing == "channel" else 1 for _, sharing in config.learned)
    return weights + outputs + config.depth * (width + affine + learned)


@torch.inference_mode()
def latency(config: NetworkConfig, *, features: int, outputs: int) -> float:
    """Return the median milliseconds of a prediction for one row, measured on this machine.

    Weights are random, since the time does not depend on them.
    """
    network = build_network(config, features=features, outputs=outputs).eval()
    row = torch.zeros(1, features)
    seconds = []
    for _ in range(_LATENCY_RUNS):
        started = perf_counter()
        network(row)
        seconds.append(perf_counter() - started)
    return 1e3 * median(seconds)


_COSTS: dict[str, Callable[..., float]] = {"parameters": parameter_count, "latency": latency}


def network_costs(
    config: NetworkConfig, data: TrainingData, names: Sequence[str]
) -> dict[str, float]:
    """Return the costs called `names` of a network for `data`; KeyError for an unknown name."""
    return {
        name: float(_COSTS[name](config, features=data.features_in, outputs=data.outputs))
        for name in names
    }
