"""A trained network taken apart into plain arrays, layer by layer; no torch.

Notation: D inputs, H width, C outputs of the network (1 for regression and binary). A network is
its hidden layers one after another, each Linear, normalization, activation, and a Linear output.
This is what predicts, and what every export is written from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.activations import Activation
from search.networks.lane import NetworkConfig
from search.networks.model_archive import ModelArchive
from search.study import Task

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearLayer:
    """`x @ weight + bias`."""

    #: (inputs, outputs).
    weight: Array
    #: (outputs,).
    bias: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalizationLayer:
    """`(z - mean) / sqrt(variance + EPSILON) * scale + shift`.

    Batch normalization has the mean and variance of the training; layer normalization, where both
    are None, takes those of each row of z.
    """

    scale: Array
    shift: Array
    mean: Array | None
    variance: Array | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HiddenLayer:
    """One hidden layer; dropout does nothing in a trained network."""

    linear: LinearLayer
    normalization: NormalizationLayer | None
    #: Name of a row of `search.activations`.
    activation: str
    row: Activation
    #: The activation's numbers by name: `(1,)`, or `(H,)` where one a unit was learned.
    numbers: Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedNetwork:
    """A multilayer perceptron with its weights."""

    config: NetworkConfig
    hidden: tuple[HiddenLayer, ...]
    output: LinearLayer


def take_apart(archive: ModelArchive, dtype: type[np.floating] = np.float32) -> TrainedNetwork:
    """Return the network of an archive, whose weights lie in the order of `LaneState.params`.

    The arrays are of `dtype`; float32 holds every weight as it was trained.
    """
    config = NetworkConfig.from_params(archive.params, archive.own)
    width = config.width
    outputs = len(archive.classes) if archive.task is Task.MULTICLASS else 1
    position = 0

    def take(*shape: int) -> Array:
        nonlocal position
        start, position = position, position + int(np.prod(shape))
        return archive.weights[start:position].reshape(shape).astype(dtype)

    output_weight = take(width, outputs)
    inputs = (archive.schema.width, *[width] * (config.depth - 1))
    weights = [take(fan_in, width) for fan_in in inputs]
    output_bias = take(outputs)
    hidden = []
    for layer, weight in enumerate(weights):
        bias = take(width)
        normalization = None
        if config.normalization != "none":
            mean, variance = (
                archive.running[layer].astype(dtype) if archive.running.size else (None, None)
            )
            normalization = NormalizationLayer(
                scale=take(width), shift=take(width), mean=mean, variance=variance
            )
        numbers = {
            name: np.array([number], np.float32).astype(dtype)
            for name, number in config.activation_numbers.items()
        }
        numbers |= {
            name: take(width if sharing == "channel" else 1) for name, sharing in config.learned
        }
        hidden.append(
            HiddenLayer(
                linear=LinearLayer(weight=weight, bias=bias),
                normalization=normalization,
                activation=config.activation,
                row=config.row,
                numbers=numbers,
            )
        )
    return TrainedNetwork(
        config=config,
        hidden=tuple(hidden),
        output=LinearLayer(weight=output_weight, bias=output_bias),
    )
