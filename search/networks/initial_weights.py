"""Initial weights and biases of a layer, and the initial state of a lane.

Notation: N rows, D features, H width, C outputs, K hidden layers.

A weight has shape `(fan_in, fan_out)`: layers compute `x @ weight + bias`. Fans and the generator
are always passed in, because torch would read fans wrongly from a stack of layers `(L, in, out)`
and its global generator would tie one lane's draw to another's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from search.activations.gains import GainRule, LayerGains
from search.networks.lane import Lane, LaneState, NetworkConfig
from search.networks.normalization import EPSILON, NORMALIZATIONS
from search.space import get_initializer
from search.space.initializers import BiasRule, Distribution

#: Standard deviation of N(0, 1) cut at -2 and 2.
TRUNCATED_STD = 0.8796256610342398
#: Training rows that an initializer measures on, at most: its estimate of a standard deviation over
#: rows and units is then good to a few per cent.
MEASURED_ROWS = 256
#: Along which axis of (N, H) each normalization takes its means.
_MEANS_OVER: dict[str, int | None] = {"none": None, "batch": 0, "layer": 1}


def _uniform(weight: Tensor, std: float, generator: Generator) -> Tensor:
    bound = sqrt(3.0) * std
    return nn.init.uniform_(weight, -bound, bound, generator=generator)


def _normal(weight: Tensor, std: float, generator: Generator) -> Tensor:
    return nn.init.normal_(weight, 0.0, std, generator=generator)


def _truncated_normal(weight: Tensor, std: float, generator: Generator) -> Tensor:
    sigma = std / TRUNCATED_STD
    return nn.init.trunc_normal_(weight, 0.0, sigma, -2.0 * sigma, 2.0 * sigma, generator)


def _orthogonal(weight: Tensor, std: float, generator: Generator) -> Tensor:
    # A row (column) of unit length has entries of standard deviation 1 / sqrt(its length).
    return nn.init.orthogonal_(weight, gain=std * sqrt(max(weight.shape)), generator=generator)


_DRAW: dict[Distribution, Callable[[Tensor, float, Generator], Tensor]] = {
    Distribution.UNIFORM: _uniform,
    Distribution.NORMAL: _normal,
    Distribution.TRUNCATED_NORMAL: _truncated_normal,
    Distribution.ORTHOGONAL: _orthogonal,
}


def draw_weight(
    name: str,
    fan_in: int,
    fan_out: int,
    gain: float,
    generator: Generator,
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw a weight `(fan_in, fan_out)` by the initializer `name`, scaled by `gain`.

    The result depends on the arguments and the generator's state only.
    """
    row = get_initializer(name)
    weight = torch.empty(fan_in, fan_out, dtype=dtype, device=generator.device)
    return _DRAW[row.distribution](weight, row.scale(fan_in, fan_out, gain), generator)


@dataclass(frozen=True, slots=True)
class _BiasContext:
    """What a rule for biases may depend on."""

    #: (fan_in, fan_out), of the same layer.
    weight: Tensor
    gains: LayerGains
    #: Whether the layer is fed with data, or gives the output.
    first: bool
    last: bool


def _zero(bias: Tensor, context: _BiasContext, generator: Generator) -> Tensor:
    return bias.zero_()


def _uniform_fan_in(bias: Tensor, context: _BiasContext, generator: Generator) -> Tensor:
    bound = 1.0 / sqrt(len(context.weight))
    return nn.init.uniform_(bias, -bound, bound, generator=generator)


def _by_gain(bias: Tensor, context: _BiasContext, generator: Generator) -> Tensor:
    bias.zero_()
    if context.gains.bias > 0.0 and not context.last:
        nn.init.normal_(bias, 0.0, context.gains.bias, generator=generator)
    if not context.first:
        bias -= context.gains.center * context.weight.sum(0)
    return bias


_DRAW_BIAS: dict[BiasRule, Callable[[Tensor, _BiasContext, Generator], Tensor]] = {
    BiasRule.ZERO: _zero,
    BiasRule.UNIFORM_FAN_IN: _uniform_fan_in,
    BiasRule.BY_GAIN: _by_gain,
}


def draw_bias(
    name: str,
    weight: Tensor,
    generator: Generator,
    *,
    gains: LayerGains | None = None,
    first: bool = False,
    last: bool = False,
) -> Tensor:
    """Draw the bias `(fan_out,)` of a layer whose weight is drawn, by the initializer `name`.

    Most start at zero. `gains` are those of the network, by default all 1 and no biases; `first`
    and `last` tell the first hidden and the output layer.
    """
    context = _BiasContext(weight, gains or LayerGains(), first, last)
    bias = torch.empty(weight.shape[1], dtype=weight.dtype, device=generator.device)
    return _DRAW_BIAS[get_initializer(name).bias](bias, context, generator)


def first_state(
    lane: Lane, rows: NDArray[np.floating], *, outputs: int, dtype: torch.dtype
) -> LaneState:
    """Draw the initial weights in float32 from the lane's own generator, layer by layer.

    `rows` (N, D) are the training rows of the lane's fold; only an initializer that measures looks
    at their values. The state depends on the arguments alone, so that a lane begins alike in
    whatever engine, process and company.
    """
    generator = torch.Generator().manual_seed(lane.init_seed)
    config, width = lane.config, lane.config.width
    normalization = NORMALIZATIONS[config.normalization]
    affine = [torch.ones(width), torch.zeros(width)] if normalization.normalizes else []
    own = [
        torch.full((width if sharing == "channel" else 1,), config.activation_numbers[name])
        for name, sharing in config.learned
    ]
    weights, vectors = draw_layers(config, rows, outputs, generator)
    hidden = [piece for bias in vectors[:-1] for piece in (bias, *affine, *own)]
    pieces = [weights[-1], *weights[:-1], vectors[-1], *hidden]
    params = torch.cat([piece.reshape(-1) for piece in pieces]).to(dtype).numpy()
    running = np.zeros((config.depth, 2, width), params.dtype)
    running[:, 1] = 1.0
    empty = np.empty(0, params.dtype)
    return LaneState(
        params=params,
        first_moment=np.zeros_like(params),
        second_moment=np.zeros_like(params) if config.optimizer == "adamw" else empty,
        running=running if normalization.running else empty,
        steps=0,
    )


def draw_layers(
    config: NetworkConfig, rows: NDArray[np.floating], outputs: int, generator: Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Draw weights (fan_in, fan_out) and biases (fan_out,) of layers 1 to K and the output."""
    name, depth, width = config.initializer, config.depth, config.width
    row = get_initializer(name)
    gains = row.gains(config.row, config.activation_numbers, GainRule(config.gain), depth)
    fans = [(rows.shape[1], width), *[(width, width)] * (depth - 1), (width, outputs)]
    weights, biases = [], []
    for k, (fan_in, fan_out) in enumerate(fans):
        weights.append(draw_weight(name, fan_in, fan_out, gains.of_layer(k, depth), generator))
        biases.append(
            draw_bias(name, weights[-1], generator, gains=gains, first=k == 0, last=k == depth)
        )
    if row.normalizes_outputs:
        _normalize_outputs(config, weights, rows, generator)
    return weights, biases


def _normalize_outputs(
    config: NetworkConfig,
    weights: list[Tensor],
    rows: NDArray[np.floating],
    generator: Generator,
) -> None:
    """Divide each weight, first layer first, by the standard deviation of its layer's outputs.

    That is the deviation over all units and some training rows, as in Mishkin & Matas (2016). They
    iterate; one division is exact where biases are zero. Reckoned in float64 by the activations'
    reference formulas, in the form of evaluation: without dropout or drawn slopes.
    """
    chosen = torch.randperm(len(rows), generator=generator)[:MEASURED_ROWS].numpy()
    activation, axis = config.row, _MEANS_OVER[config.normalization]
    below = rows[chosen].astype(np.float64)
    for k, weight in enumerate(weights):
        z = below @ weight.numpy().astype(np.float64)
        deviation = float(z.std())
        # Nothing to scale where the rows are all alike, or every unit below is dead.
        if isfinite(deviation) and deviation > 0.0:
            weight.div_(deviation)
            z /= deviation
        if k < config.depth:
            if axis is not None:
                mean, variance = z.mean(axis, keepdims=True), z.var(axis, keepdims=True)
                z = (z - mean) / np.sqrt(variance + EPSILON)
            below = activation.function(z, config.activation_numbers)
