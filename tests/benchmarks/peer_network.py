"""The network that peers A, B and C build, as a user of PyTorch and Optuna writes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import optuna
import torch
from torch import Tensor, nn

from tests.benchmarks.work import (
    ACTIVATIONS,
    DEPTHS,
    INITIALIZERS,
    LEARNING_RATES,
    SLOPE_RANGE,
    SLOPES,
    WIDTH,
)

_MODULES: Mapping[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "relu": lambda _: nn.ReLU(),
    "leaky_relu": lambda p: nn.LeakyReLU(p["leaky_relu_slope"]),
    "prelu": lambda p: nn.PReLU(init=p["prelu_slope"]),
    "elu": lambda _: nn.ELU(),
    "selu": lambda _: nn.SELU(),
    "gelu": lambda _: nn.GELU(),
    "silu": lambda _: nn.SiLU(),
    "mish": lambda _: nn.Mish(),
    "tanh": lambda _: nn.Tanh(),
    "sigmoid": lambda _: nn.Sigmoid(),
}


def _lecun_normal(weight: Tensor) -> None:
    nn.init.normal_(weight, std=1.0 / math.sqrt(weight.shape[1]))


_INITIALIZERS: Mapping[str, Callable[[Tensor], object]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "kaiming_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "lecun_normal": _lecun_normal,
    "orthogonal": nn.init.orthogonal_,
}


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Ask for a configuration of the reference space."""
    params: dict[str, Any] = {
        "activation": trial.suggest_categorical("activation", ACTIVATIONS),
        "initializer": trial.suggest_categorical("initializer", INITIALIZERS),
        "depth": trial.suggest_int("depth", *DEPTHS),
        "learning_rate": trial.suggest_float("learning_rate", *LEARNING_RATES, log=True),
    }
    slope = SLOPES.get(params["activation"])
    if slope is not None:
        params[slope] = trial.suggest_float(slope, *SLOPE_RANGE)
    return params


def build(
    params: Mapping[str, Any], features: int, classes: int, width: int = WIDTH
) -> nn.Sequential:
    """Return the network of `params`, (N, features) -> (N, classes)."""
    layers: list[nn.Module] = []
    fan_in = features
    for _ in range(params["depth"]):
        linear = nn.Linear(fan_in, width)
        with torch.no_grad():
            _INITIALIZERS[params["initializer"]](linear.weight)
            nn.init.zeros_(linear.bias)
        layers += [linear, _MODULES[params["activation"]](params)]
        fan_in = width
    return nn.Sequential(*layers, nn.Linear(fan_in, classes))
