"""What there is to know of an activation function, as two frozen values: row and parameter.

The rows themselves are in `search.activations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from search.activations.formulas import Formula
from search.activations.gains import Gain, rectifier_gain
from search.study import Axis, Choices, ParamValue, Range, Task


class ActivationName(StrEnum):
    """Names are stored with every trial: values are only ever added."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    PRELU = "prelu"
    RRELU = "rrelu"
    ELU = "elu"
    CELU = "celu"
    SELU = "selu"
    GELU = "gelu"
    SILU = "silu"
    MISH = "mish"
    HARDSWISH = "hardswish"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"
    HARDTANH = "hardtanh"
    RELU6 = "relu6"
    IDENTITY = "identity"
    SOFTMAX = "softmax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an activation, a number or (where `choices` is not empty) a choice.

    Its axis in a search space is called `<activation>_<name>`.
    """

    name: str
    description: str
    default: float | str | bool
    #: The range worth searching.
    low: float | None = None
    high: float | None = None
    #: Whether that range is searched on a logarithmic scale.
    log: bool = False
    choices: tuple[ParamValue, ...] = ()
    #: What is allowed at all; None: the range worth searching.
    limits: tuple[float, float] | None = None
    #: Whether a study that does not mention the axis searches it; otherwise `default` is fixed.
    searched: bool = False
    #: Whether training changes it from this initial value; a string names the boolean
    #: parameter of the same activation that decides.
    learned: bool | str = False

    @property
    def is_number(self) -> bool:
        """False for a choice such as "layer" or "channel"."""
        return not self.choices

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest legal value; None for a choice."""
        if self.limits is not None or self.low is None or self.high is None:
            return self.limits
        return (self.low, self.high)

    @property
    def axis(self) -> Axis:
        """The axis of a study that does not mention this parameter."""
        if self.searched and self.low is not None and self.high is not None:
            return Range(low=self.low, high=self.high, log=self.log)
        return Choices(values=(self.default,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One activation function, all facts of it."""

    name: ActivationName
    title: str
    #: Plain text, `z` the pre-activation.
    formula: str
    #: Reference form in NumPy, see `search.activations.formulas`.
    function: Formula
    #: E[f(z)²]^(-1/2) for z ~ N(0, 1), see `search.activations.gains`.
    gain: Gain
    #: What one element costs going forward: 1 for a comparison, sum, product or quotient, 10 for an
    #: exponential, logarithm, tanh, Φ or random number. A rank, not a time.
    operations: int
    paper: str
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    #: Gain of He et al. (2015): sqrt(2), but for rectifiers with a slope below zero.
    he_gain: Gain = rectifier_gain
    #: Whether it may stand in hidden layers and so in a search space.
    hidden: bool = True
    #: Whether the slope is drawn uniformly from [lower, upper] at every training step.
    noisy: bool = False
    #: Tasks at whose output it stands.
    output_for: tuple[Task, ...] = ()
    note: str = ""

    @property
    def simplicity(self) -> tuple[int, int]:
        """Sorts the simplest first: parameters to tune or to learn, then operations."""
        knobs = sum(p.searched or p.learned is True for p in self.parameters)
        return knobs, self.operations

    def axis_name(self, parameter: str) -> str:
        """Name of the axis of `parameter` in a search space."""
        return f"{self.name}_{parameter}"

    def options(self, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Every parameter by its short name, read from a whole configuration, else the default."""
        return {p.name: params.get(self.axis_name(p.name), p.default) for p in self.parameters}

    def numbers(self, params: Mapping[str, ParamValue]) -> dict[str, float]:
        """Return the numbers among `options`: what `function` and `gain` take."""
        options = self.options(params)
        return {p.name: float(options[p.name] or 0.0) for p in self.parameters if p.is_number}
