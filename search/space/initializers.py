"""The weight initializers, one row each.

Xavier, Kaiming, LeCun, orthogonal, truncated normal and PyTorch's default do what their paper or
library says, on every layer, the first and the output layer included. `scaled_orthogonal` is this
project's own: it takes each activation's gain and biases by the rule of the axis `gain`, see
`search.activations.gains`. `lsuv` measures on training rows what the others take from theory.

`fan_in` and `fan_out` are the numbers of inputs and outputs of a layer, always given, never read
from a tensor's shape. A row's `gains` says which gain each layer of a network gets; its `scale` is
the standard deviation of a weight at that gain; `search.networks.initial_weights` draws from it by
the row's distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import TypeAlias

from search.activations import Activation
from search.activations.formulas import Numbers
from search.activations.gains import GainRule, LayerGains, critical_gains
from search.errors import UnknownChoice

Scale: TypeAlias = Callable[[int, int, float], float]
#: Gains of all layers of a network from (activation, its numbers, rule, depth).
GainsOf: TypeAlias = Callable[[Activation, Numbers, GainRule, int], LayerGains]


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
    SCALED_ORTHOGONAL = "scaled_orthogonal"
    LSUV = "lsuv"


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
    #: N(0, bias²) in hidden layers, less `center` times the sum of the unit's weights, both of
    #: `LayerGains`.
    BY_GAIN = "by_gain"


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
    gains: GainsOf
    #: Whether the weights depend on the activation.
    uses_gain: bool
    #: Whether each layer's outputs are brought to variance 1 on training rows.
    normalizes_outputs: bool = False
    bias: BiasRule = BiasRule.ZERO
    paper: str


def _glorot(fan_in: int, fan_out: int, gain: float) -> float:
    return gain * sqrt(2.0 / (fan_in + fan_out))


def _by_fan_in(fan_in: int, fan_out: int, gain: float) -> float:
    return gain / sqrt(fan_in)


def _orthonormal(fan_in: int, fan_out: int, gain: float) -> float:
    return gain / sqrt(max(fan_in, fan_out))


def _unit(activation: Activation, numbers: Numbers, rule: GainRule, depth: int) -> LayerGains:
    return LayerGains()


def _he(activation: Activation, numbers: Numbers, rule: GainRule, depth: int) -> LayerGains:
    # On the first layer too: He et al. (2015) do so below their equation 10, for simplicity.
    return LayerGains.same(activation.he_gain(numbers))


def _keras_he(activation: Activation, numbers: Numbers, rule: GainRule, depth: int) -> LayerGains:
    return LayerGains.same(sqrt(2.0))


def _torch_linear(
    activation: Activation, numbers: Numbers, rule: GainRule, depth: int
) -> LayerGains:
    return LayerGains.same(1.0 / sqrt(3.0))


def _by_rule(activation: Activation, numbers: Numbers, rule: GainRule, depth: int) -> LayerGains:
    if rule is GainRule.VARIANCE:
        return LayerGains(hidden=activation.gain(numbers))
    return critical_gains(activation.function, activation.slope, numbers, depth)


_GLOROT = (
    "Glorot & Bengio (2010), Understanding the Difficulty of Training Deep Feedforward Neural "
    "Networks; made for tanh, so that deep ReLU networks stall with it"
)
_HE = "He, Zhang, Ren & Sun (2015), Delving Deep into Rectifiers"
_SAXE = (
    "Saxe, McClelland & Ganguli (2014), Exact Solutions to the Nonlinear Dynamics of Learning in "
    "Deep Linear Neural Networks"
)
_LECUN = "LeCun, Bottou, Orr & Müller (1998), Efficient BackProp"

_ROWS: tuple[Initializer, ...] = (
    Initializer(
        name=InitializerName.XAVIER_UNIFORM,
        title="Xavier (Glorot) uniform",
        formula="U(±sqrt(6 / (fan_in + fan_out)))",
        distribution=Distribution.UNIFORM,
        scale=_glorot,
        gains=_unit,
        uses_gain=False,
        paper=_GLOROT,
    ),
    Initializer(
        name=InitializerName.XAVIER_NORMAL,
        title="Xavier (Glorot) normal",
        formula="N(0, 2 / (fan_in + fan_out))",
        distribution=Distribution.NORMAL,
        scale=_glorot,
        gains=_unit,
        uses_gain=False,
        paper=_GLOROT,
    ),
    Initializer(
        name=InitializerName.KAIMING_UNIFORM,
        title="Kaiming (He) uniform",
        formula="U(±g·sqrt(3 / fan_in)), g² = 2 / (1 + slope²); slope 0 but for rectifiers",
        distribution=Distribution.UNIFORM,
        scale=_by_fan_in,
        gains=_he,
        uses_gain=True,
        paper=_HE,
    ),
    Initializer(
        name=InitializerName.KAIMING_NORMAL,
        title="Kaiming (He) normal",
        formula="N(0, g² / fan_in), g² = 2 / (1 + slope²); slope 0 but for rectifiers",
        distribution=Distribution.NORMAL,
        scale=_by_fan_in,
        gains=_he,
        uses_gain=True,
        paper=_HE,
    ),
    Initializer(
        name=InitializerName.LECUN_UNIFORM,
        title="LeCun uniform",
        formula="U(±sqrt(3 / fan_in))",
        distribution=Distribution.UNIFORM,
        scale=_by_fan_in,
        gains=_unit,
        uses_gain=False,
        paper=_LECUN,
    ),
    Initializer(
        name=InitializerName.LECUN_NORMAL,
        title="LeCun normal",
        formula="N(0, 1 / fan_in)",
        distribution=Distribution.NORMAL,
        scale=_by_fan_in,
        gains=_unit,
        uses_gain=False,
        paper=_LECUN + "; with SELU Klambauer et al. (2017)",
    ),
    Initializer(
        name=InitializerName.ORTHOGONAL,
        title="Orthogonal",
        formula="Q, uniform among matrices with orthonormal rows or columns",
        distribution=Distribution.ORTHOGONAL,
        scale=_orthonormal,
        gains=_unit,
        uses_gain=False,
        paper=_SAXE,
    ),
    Initializer(
        name=InitializerName.TRUNCATED_NORMAL,
        title="Truncated normal (Keras' he_normal)",
        formula="N(0, s²) cut at ±2s, s such that the variance is 2 / fan_in",
        distribution=Distribution.TRUNCATED_NORMAL,
        scale=_by_fan_in,
        gains=_keras_he,
        uses_gain=False,
        paper=_HE + "; cut at two standard deviations, whatever the activation, as Keras does",
    ),
    Initializer(
        name=InitializerName.TORCH_DEFAULT,
        title="PyTorch's default for linear layers",
        formula="U(±1 / sqrt(fan_in)) for weights and biases",
        distribution=Distribution.UNIFORM,
        scale=_by_fan_in,
        gains=_torch_linear,
        uses_gain=False,
        bias=BiasRule.UNIFORM_FAN_IN,
        paper="PyTorch, torch.nn.Linear.reset_parameters; its variance is a third of LeCun's",
    ),
    Initializer(
        name=InitializerName.SCALED_ORTHOGONAL,
        title="Orthogonal, scaled by the activation's gain",
        formula="g·sqrt(max(fan_in, fan_out) / fan_in)·Q, Q as for orthogonal; g and the biases "
        "by the axis gain",
        distribution=Distribution.ORTHOGONAL,
        scale=_by_fan_in,
        gains=_by_rule,
        uses_gain=True,
        bias=BiasRule.BY_GAIN,
        paper="Schoenholz, Gilmer, Ganguli & Sohl-Dickstein (2017), Deep Information Propagation; "
        "Hayou, Doucet & Rousseau (2019), On the Impact of the Activation Function on Deep Neural "
        "Networks Training; orthogonal as in Pennington, Schoenholz & Ganguli (2017), Resurrecting "
        "the Sigmoid in Deep Learning through Dynamical Isometry",
    ),
    Initializer(
        name=InitializerName.LSUV,
        title="Layer-sequential unit variance",
        formula="Q / std(x·Q), Q as for orthogonal, x what the layer is fed with on training rows",
        distribution=Distribution.ORTHOGONAL,
        scale=_by_fan_in,
        gains=_unit,
        uses_gain=True,
        normalizes_outputs=True,
        paper="Mishkin & Matas (2016), All You Need Is a Good Init",
    ),
)

INITIALIZERS: dict[InitializerName, Initializer] = {row.name: row for row in _ROWS}


def get_initializer(name: str) -> Initializer:
    """Return the row called `name`; raises UnknownChoice, which lists the names."""
    for row in _ROWS:
        if name == row.name:
            return row
    raise UnknownChoice("initializer", name, INITIALIZERS)
