"""Initial weights and biases of a layer, and the initial state of a lane.

A weight has shape `(fan_in, fan_out)`: layers compute `x @ weight + bias`. Fans and the generator
are always passed in, because torch would read fans wrongly from a stack of layers `(L, in, out)`
and its global generator would tie one lane's draw to another's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import torch
from torch import Generator, Tensor, nn

from search.networks.lane import Lane, LaneState
from search.networks.normalization import NORMALIZATIONS
from search.space import get_initializer
from search.space.initializers import BiasRule, Distribution

#: Standard deviation of N(0, 1) cut at -2 and 2.
TRUNCATED_STD = 0.8796256610342398


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
    """Draw a weight `(fan_in, fan_out)` by the initializer `name`.

    `gain` is that of the activation the layer is fed with; initializers that use none ignore it.
    The result depends on the arguments and the generator's state only.
    """
    row = get_initializer(name)
    weight = torch.empty(fan_in, fan_out, dtype=dtype, device=generator.device)
    return _DRAW[row.distribution](weight, row.scale(fan_in, fan_out, gain), generator)


def _zero(bias: Tensor, fan_in: int, generator: Generator) -> Tensor:
    return bias.zero_()


def _uniform_fan_in(bias: Tensor, fan_in: int, generator: Generator) -> Tensor:
    bound = 1.0 / sqrt(fan_in)
    return nn.init.uniform_(bias, -bound, bound, generator=generator)


_DRAW_BIAS: dict[BiasRule, Callable[[Tensor, int, Generator], Tensor]] = {
    BiasRule.ZERO: _zero,
    BiasRule.UNIFORM_FAN_IN: _uniform_fan_in,
}


def draw_bias(
    name: str,
    fan_in: int,
    fan_out: int,
    generator: Generator,
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw a bias `(fan_out,)` by the initializer `name`; most start at zero."""
    bias = torch.empty(fan_out, dtype=dtype, device=generator.device)
    return _DRAW_BIAS[get_initializer(name).bias](bias, fan_in, generator)


def first_state(lane: Lane, *, features: int, outputs: int, dtype: torch.dtype) -> LaneState:
    """Draw the initial weights in float32 from the lane's own generator, layer by layer.

    The first layer gets gain 1: its input is data of variance one, not an activation.
    """
    generator = torch.Generator().manual_seed(lane.init_seed)
    config, width = lane.config, lane.config.width
    normalization = NORMALIZATIONS[config.normalization]
    affine = [torch.ones(width), torch.zeros(width)] if normalization.normalizes else []
    own = [
        torch.full((width if sharing == "channel" else 1,), config.activation_numbers[name])
        for name, sharing in config.learned
    ]
    fans = [(features, width), *[(width, width)] * (config.depth - 1), (width, outputs)]
    weights, vectors = [], []
    for k, (fan_in, fan_out) in enumerate(fans):
        gain = config.gain if k > 0 and k < config.depth else 1.0
        weights.append(draw_weight(config.initializer, fan_in, fan_out, gain, generator))
        vectors.append(draw_bias(config.initializer, fan_in, fan_out, generator))
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
