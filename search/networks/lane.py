"""One (trial, fold) slot of a stack: configuration, identity, and state between segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.activations import get_activation
from search.activations.gains import GainRule
from search.study import ParamValue


class StackKey(NamedTuple):
    """What must be equal within a stack; everything else may differ from lane to lane."""

    width: int
    normalization: str
    batch_size: int


class KernelKey(NamedTuple):
    """What must be equal within lanes that are activated by one call."""

    activation: str
    #: Whether the activation's own parameters are at their defaults: a quicker kernel may do.
    plain: bool
    #: Learned activation parameters and their sharing: they decide the shape of the parameters.
    learned: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """A multilayer perceptron and how it is trained.

    Each of `depth` hidden layers is Linear, normalization, activation, dropout.
    """

    activation: str
    #: Value of each of the activation's own parameters, by the parameter's name.
    activation_params: Mapping[str, ParamValue]
    #: The numbers among them.
    activation_numbers: Mapping[str, float]
    initializer: str
    #: Name of a `GainRule`, for initializers that take the activation's gain by rule.
    gain: str
    depth: int
    width: int
    normalization: str
    dropout: float
    learning_rate: float
    weight_decay: float
    gradient_clip: float | None
    batch_size: int
    optimizer: str
    momentum: float
    schedule: str

    @classmethod
    def from_params(cls, params: Mapping[str, ParamValue]) -> NetworkConfig:
        """Read a trial's whole configuration; KeyError where an axis is missing."""
        row = get_activation(str(params["activation"]))
        clip = params["gradient_clip"]
        return cls(
            activation=row.name,
            activation_params=row.options(params),
            activation_numbers=row.numbers(params),
            initializer=str(params["initializer"]),
            gain=str(params.get("gain", GainRule.CRITICAL)),
            depth=int(_number(params["depth"])),
            width=int(_number(params["width"])),
            normalization=str(params["normalization"]),
            dropout=_number(params["dropout"]),
            learning_rate=_number(params["learning_rate"]),
            weight_decay=_number(params["weight_decay"]),
            gradient_clip=None if clip is None else _number(clip),
            batch_size=int(_number(params["batch_size"])),
            optimizer=str(params["optimizer"]),
            momentum=_number(params.get("momentum", 0.0)),
            schedule=str(params["schedule"]),
        )

    @property
    def learned(self) -> tuple[tuple[str, str], ...]:
        """Activation parameters that gradient descent moves, each with its sharing."""
        values = self.activation_params
        sharing = str(values.get("sharing", "layer"))
        return tuple(
            (p.name, sharing)
            for p in get_activation(self.activation).parameters
            if (values[p.learned] if isinstance(p.learned, str) else p.learned)
        )

    @property
    def plain(self) -> bool:
        """Whether the activation's own parameters are all at their defaults, none learned."""
        defaults = get_activation(self.activation).numbers({})
        return self.activation_numbers == defaults and not self.learned

    @property
    def stack_key(self) -> StackKey:
        """Lanes with equal keys can be trained in one stack."""
        return StackKey(self.width, self.normalization, self.batch_size)

    @property
    def kernel_key(self) -> KernelKey:
        """Lanes with equal keys can be activated by one call."""
        return KernelKey(self.activation, self.plain, self.learned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Who a lane is. Its result depends on these fields and the data, never on its company."""

    trial: int
    fold: int
    config: NetworkConfig
    #: Seed of the initial weights, from (study seed, trial, fold).
    init_seed: int
    #: Seed of minibatches and dropout noise, from (study seed, fold): common random numbers.
    order_seed: int

    @property
    def stream(self) -> tuple[int, int]:
        """Lanes of one stream see the same minibatches."""
        return (self.fold, self.order_seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """A lane between two segments, as plain arrays that travel between processes."""

    #: Output weight, weights of layers 1 to depth, each (in, out); then output bias and, layer by
    #: layer, bias, normalization's scale and shift, learned activation parameters, (P,).
    params: NDArray[np.floating]
    #: Adam's first moment, or SGD's momentum buffer, (P,).
    first_moment: NDArray[np.floating]
    #: Adam's second moment, (P,); empty for SGD.
    second_moment: NDArray[np.floating]
    #: Running mean and variance of batch normalization, (depth, 2, H); empty without it.
    running: NDArray[np.floating]
    #: Optimizer steps made.
    steps: int


def _number(value: ParamValue) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
