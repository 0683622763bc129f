"""The weight initializers, one row each.

`fan_in` and `fan_out` are the numbers of inputs and outputs of a layer; callers pass them, since
the shape of a stack of layers does not tell them. `gain` is that of the activation before the layer
(see `search.activations.gains`), 1 for the first layer. A row's `scale` is the standard deviation
of a weight; `search.networks.initial_weights` draws from it by the row's distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import TypeAlias

from search.errors import UnknownChoice

Scale: TypeAlias = Callable[[int, int, float], float]


class InitializerName(StrEnum):
    """Names of the initializers. They are stored with trials: values are added, never removed."""

    XAVIER_UNIFORM = "xavier_uniform"
    XAVIER_NORMAL = "xavier_normal"
    KAIMING_UNIFORM = "kaiming_uniform"
    KAIMING_NORMAL = "kaiming_normal"
    LECUN_UNIFORM = "lecun_uniform"
    LECUN_NORMAL = "lecun_normal"
    ORTHOGONAL = "orthogonal"
    TRUNCATED_NORMAL = "truncated_normal"
    TORCH_DEFAULT = "torch_default"


class Distribution(StrEnum):
    """The distribution of the weights of one layer, of mean 0."""

    UNIFORM = "uniform"
    NORMAL = "normal"
    #: A normal distribution, cut at two of the standard deviations that it has before the cut.
    TRUNCATED_NORMAL = "truncated_normal"
    #: A random matrix with orthonormal rows or columns, whichever are fewer, times the gain.
    ORTHOGONAL = "orthogonal"


class BiasRule(StrEnum):
    """The initial values of biases."""

    ZERO = "zero"
    #: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
    UNIFORM_FAN_IN = "uniform_fan_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Initializer:
    """All facts of one initializer."""

    name: InitializerName
    title: str
    #: Plain text; `g` is the gain, `U(±b)` the uniform distribution on [-b, b].
    formula: str
    distribution: Distribution
    #: Standard deviation of a weight from (fan_in, fan_out, gain).
    scale: Scale
    #: Whether `scale` depends on the gain, and so on the activation.
    uses_gain: bool
    bias: BiasRule = BiasRule.ZERO
    paper: str


def _glorot(fan_in: int, fan_out: int, gain: float) -> float:
    return sqrt(2.0 / (fan_in + fan_out))


def _he(fan_in: int, fan_out: int, gain: float) -> float:
    return gain / sqrt(fan_in)


def _lecun(fan_in: int, fan_out: int, gain: float) -> float:
    return 1.0 / sqrt(fan_in)


def _orthonormal(fan_in: int, fan_out: int, gain: float) -> float:
    return gain / sqrt(max(fan_in, fan_out))


def _torch_default(fan_in: int, fan_out: int, gain: float) -> float:
    return 1.0 / sqrt(3.0 * fan_in)


_GLOROT = (
    "Glorot & Bengio (2010), Understanding the Difficulty of Training Deep Feedforward Neural "
    "Networks; with gain 1 as printed, so that deep ReLU networks stall with it"
)
_HE = "He, Zhang, Ren & Sun (2015), Delving Deep into Rectifiers"
_LECUN = "LeCun, Bottou, Orr & Müller (1998), Efficient BackProp"

_ROWS: tuple[Initializer, ...] = (
    Initializer(
        name=InitializerName.XAVIER_UNIFORM,
        title="Xavier (Glorot) uniform",
        formula="U(±sqrt(6 / (fan_in + fan_out)))",
        distribution=Distribution.UNIFORM,
        scale=_glorot,
        uses_gain=False,
        paper=_GLOROT,
    ),
    Initializer(
        name=InitializerName.XAVIER_NORMAL,
        title="Xavier (Glorot) normal",
        formula="N(0, 2 / (fan_in + fan_out))",
        distribution=Distribution.NORMAL,
        scale=_glorot,
        uses_gain=False,
        paper=_GLOROT,
    ),
    Initializer(
        name=InitializerName.KAIMING_UNIFORM,
        title="Kaiming (He) uniform",
        formula="U(±g·sqrt(3 / fan_in))",
        distribution=Distribution.UNIFORM,
        scale=_he,
        uses_gain=True,
        paper=_HE,
    ),
    Initializer(
        name=InitializerName.KAIMING_NORMAL,
        title="Kaiming (He) normal",
        formula="N(0, g² / fan_in)",
        distribution=Distribution.NORMAL,
        scale=_he,
        uses_gain=True,
        paper=_HE,
    ),
    Initializer(
        name=InitializerName.LECUN_UNIFORM,
        title="LeCun uniform",
        formula="U(±sqrt(3 / fan_in))",
        distribution=Distribution.UNIFORM,
        scale=_lecun,
        uses_gain=False,
        paper=_LECUN,
    ),
    Initializer(
        name=InitializerName.LECUN_NORMAL,
        title="LeCun normal",
        formula="N(0, 1 / fan_in)",
        distribution=Distribution.NORMAL,
        scale=_lecun,
        uses_gain=False,
        paper=_LECUN + "; with SELU Klambauer et al. (2017)",
    ),
    Initializer(
        name=InitializerName.ORTHOGONAL,
        title="Orthogonal",
        formula="g·Q, Q uniform among matrices with orthonormal rows or columns",
        distribution=Distribution.ORTHOGONAL,
        scale=_orthonormal,
        uses_gain=True,
        paper="Saxe, McClelland & Ganguli (2014), Exact Solutions to the Nonlinear Dynamics of "
        "Learning in Deep Linear Neural Networks",
    ),
    Initializer(
        name=InitializerName.TRUNCATED_NORMAL,
        title="Truncated normal",
        formula="N(0, s²) cut at ±2s, s such that the variance is g² / fan_in",
        distribution=Distribution.TRUNCATED_NORMAL,
        scale=_he,
        uses_gain=True,
        paper=_HE + "; cut at two standard deviations as in Keras' he_normal",
    ),
    Initializer(
        name=InitializerName.TORCH_DEFAULT,
        title="PyTorch's default for linear layers",
        formula="U(±1 / sqrt(fan_in)) for weights and biases",
        distribution=Distribution.UNIFORM,
        scale=_torch_default,
        uses_gain=False,
        bias=BiasRule.UNIFORM_FAN_IN,
        paper="PyTorch, torch.nn.Linear.reset_parameters; its variance is a third of LeCun's",
    ),
)

INITIALIZERS: dict[InitializerName, Initializer] = {row.name: row for row in _ROWS}


def get_initializer(name: str) -> Initializer:
    """Return the row called `name`; raises UnknownChoice, which lists the names."""
    for row in _ROWS:
        if name == row.name:
            return row
    raise UnknownChoice("initializer", name, INITIALIZERS)
