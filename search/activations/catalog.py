"""The activation functions: one row each, carrying every fact about it.

A row says what the function is (in words, as a formula, in code), which parameters it has and how
they are searched, by what gain its layers are initialized, where it may stand, and who proposed it.
Everything else follows from the rows: their names, the axes of a search space, the wire format of
the catalog, and the plain torch module. The engines add one function each, which they find by the
same name (CONTRIBUTING.md says how).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Self, TypeAlias

import numpy as np

from search.activations import gains
from search.activations.formulas import (
    NUMPY,
    SELU_ALPHA,
    SELU_SCALE,
    Array,
    Namespace,
    Numbers,
)
from search.activations.gains import Gain
from search.activations.parameter import Parameter
from search.errors import UnknownChoice
from search.study import ParamValue, Task

#: `expression(xp, z, p)` is f(z), elementwise and in the shape of `z`, written with operators and
#: the functions of the array namespace `xp`; `p` holds the activation's numbers by short name.
#: The arrays are NumPy's or torch's, hence Any.
Expression: TypeAlias = Callable[[Namespace, Any, Mapping[str, Any]], Any]

_SLOPE_LIMITS = (0.0, 1.0)
_numerical_gain = cache(gains.numerical_gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """All facts of one activation function."""

    #: The name under which studies store it: never changed.
    key: str
    title: str
    #: Plain text, `z` the pre-activation.
    formula: str
    #: The same formula in code.
    expression: Expression
    #: Cost of one element going forward: 1 for a comparison, sum, product or quotient, 10 for an
    #: exponential, logarithm, tanh, Φ or random number. A rank, not a time.
    operations: int
    #: Title of the paper that proposed it, with authors and (year).
    paper: str
    #: E[f(z)²]^(-1/2) for z ~ N(0, 1) where a closed form is known; None: by quadrature, which
    #: expects kinks at whole numbers only.
    exact_gain: Gain | None = None
    #: Gain of He et al. (2015): sqrt(2), but for rectifiers with a slope below zero.
    he_gain: Gain = gains.rectifier_gain
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    #: Whether it may stand in hidden layers and so in a search space.
    hidden: bool = True
    #: Whether the slope is drawn uniformly from [lower, upper] at every training step.
    noisy: bool = False
    #: Tasks at whose output it stands.
    output_for: tuple[Task, ...] = ()
    note: str = ""

    @property
    def name(self) -> ActivationName:
        """The row's name as a member of the enumeration."""
        return ActivationName(self.key)

    def function(self, z: Array, numbers: Numbers) -> Array:
        """Return f(z) in NumPy, in the shape of `z`; `numbers` as `Activation.numbers` gives."""
        return np.asarray(self.expression(NUMPY, z, numbers), dtype=np.float64)

    def gain(self, numbers: Numbers) -> float:
        """Return the factor on weights that keeps signals at their size (`gains` defines it)."""
        return (self.exact_gain or _numerical_gain(self.function))(numbers)

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
        """Return the numbers among `options`, which `function` and `gain` take."""
        options = self.options(params)
        return {p.name: float(options[p.name] or 0.0) for p in self.parameters if p.is_number}


class ActivationName(StrEnum):
    """The names of the activation functions, each defined by its row.

    Names are stored with every trial: rows are only ever added.
    """

    _value_: str
    row: Activation

    # Enum calls it with a member's row, its lookup by value is typed as a call with the value.
    def __new__(cls, row: Any) -> Self:
        """Make a member whose value is the key of `row`."""
        member = str.__new__(cls, row.key)
        member._value_ = row.key
        member.row = row
        return member

    RELU = Activation(
        key="relu",
        title="ReLU",
        formula="max(0, z)",
        expression=lambda xp, z, p: xp.clip(z, 0.0, None),
        exact_gain=gains.rectifier_gain,
        operations=1,
        paper="Nair & Hinton (2010), Rectified Linear Units Improve Restricted Boltzmann Machines",
    )
    LEAKY_RELU = Activation(
        key="leaky_relu",
        title="Leaky ReLU",
        formula="z if z > 0 else slope·z",
        expression=lambda xp, z, p: xp.where(z > 0.0, z, p["slope"] * z),
        exact_gain=gains.rectifier_gain,
        operations=2,
        parameters=(
            Parameter(
                name="slope",
                description="slope below zero, the same in every layer and never learned",
                default=0.01,
                low=0.001,
                high=0.5,
                log=True,
                limits=_SLOPE_LIMITS,
                searched=True,
            ),
        ),
        paper="Maas, Hannun & Ng (2013), Rectifier Nonlinearities Improve Neural Network "
        "Acoustic Models",
    )
    PRELU = Activation(
        key="prelu",
        title="PReLU",
        formula="z if z > 0 else slope·z, slope learned",
        expression=lambda xp, z, p: xp.where(z > 0.0, z, p["slope"] * z),
        exact_gain=gains.rectifier_gain,
        operations=2,
        parameters=(
            Parameter(
                name="slope",
                description="initial slope below zero; training changes it",
                default=0.25,
                low=0.0,
                high=0.5,
                limits=_SLOPE_LIMITS,
                searched=True,
                learned=True,
            ),
            Parameter(
                name="sharing",
                description="one learned slope a layer, or one a channel (unit)",
                default="layer",
                choices=("layer", "channel"),
            ),
        ),
        paper="He, Zhang, Ren & Sun (2015), Delving Deep into Rectifiers",
    )
    RRELU = Activation(
        key="rrelu",
        title="Randomized leaky ReLU",
        formula="z if z > 0 else a·z, a ~ U(lower, upper) in training, (lower + upper)/2 after",
        expression=lambda xp, z, p: xp.where(z > 0.0, z, (p["lower"] + p["upper"]) / 2.0 * z),
        exact_gain=gains.rrelu_gain,
        he_gain=gains.rrelu_gain,
        operations=12,
        noisy=True,
        parameters=(
            Parameter(
                name="lower",
                description="least slope drawn in training",
                default=1.0 / 8.0,
                low=0.0,
                high=0.2,
                limits=_SLOPE_LIMITS,
            ),
            Parameter(
                name="upper",
                description="greatest slope drawn in training",
                default=1.0 / 3.0,
                low=0.2,
                high=0.5,
                limits=_SLOPE_LIMITS,
            ),
        ),
        paper="Xu, Wang, Chen & Li (2015), Empirical Evaluation of Rectified Activations in "
        "Convolutional Network",
        note="Its gain is that of the slopes drawn in training, not of their mean.",
    )
    ELU = Activation(
        key="elu",
        title="ELU",
        formula="z if z > 0 else alpha·(exp(z) - 1)",
        expression=lambda xp, z, p: xp.where(
            z > 0.0, z, p["alpha"] * xp.expm1(xp.clip(z, None, 0.0))
        ),
        exact_gain=gains.elu_gain,
        operations=13,
        parameters=(
            Parameter(
                name="alpha",
                description="minus the value it saturates at for very negative z",
                default=1.0,
                low=0.1,
                high=2.0,
                limits=(0.0, 10.0),
            ),
        ),
        paper="Clevert, Unterthiner & Hochreiter (2016), Fast and Accurate Deep Network Learning "
        "by Exponential Linear Units (ELUs)",
    )
    CELU = Activation(
        key="celu",
        title="CELU",
        formula="z if z > 0 else alpha·(exp(z/alpha) - 1)",
        expression=lambda xp, z, p: xp.where(
            z > 0.0, z, p["alpha"] * xp.expm1(xp.clip(z, None, 0.0) / p["alpha"])
        ),
        exact_gain=gains.celu_gain,
        operations=14,
        parameters=(
            Parameter(
                name="alpha",
                description="minus the value it saturates at; the slope at zero stays 1",
                default=1.0,
                low=0.1,
                high=2.0,
                limits=(0.05, 10.0),
            ),
        ),
        paper="Barron (2017), Continuously Differentiable Exponential Linear Units",
    )
    SELU = Activation(
        key="selu",
        title="SELU",
        formula="1.0507·(z if z > 0 else 1.6733·(exp(z) - 1))",
        expression=lambda xp, z, p: (
            SELU_SCALE * xp.where(z > 0.0, z, SELU_ALPHA * xp.expm1(xp.clip(z, None, 0.0)))
        ),
        exact_gain=gains.selu_gain,
        operations=14,
        paper="Klambauer, Unterthiner, Mayr & Hochreiter (2017), Self-Normalizing Neural Networks",
        note="Keeps mean 0 and variance 1 with lecun_normal and no normalization.",
    )
    GELU = Activation(
        key="gelu",
        title="GELU",
        formula="z·Φ(z), Φ the standard normal distribution function",
        expression=lambda xp, z, p: z * xp.ndtr(z),
        exact_gain=gains.gelu_gain,
        operations=11,
        paper="Hendrycks & Gimpel (2016), Gaussian Error Linear Units (GELUs)",
    )
    SILU = Activation(
        key="silu",
        title="SiLU (Swish)",
        formula="z / (1 + exp(-beta·z))",
        expression=lambda xp, z, p: z * xp.expit(p["beta"] * z),
        operations=13,
        parameters=(
            Parameter(
                name="beta",
                description="sharpness: 0 is z/2, large values approach ReLU",
                default=1.0,
                low=0.25,
                high=4.0,
                log=True,
                limits=(0.0, 10.0),
                learned="learned",
            ),
            Parameter(
                name="learned",
                description="whether beta is learned, one value a layer",
                default=False,
                choices=(False, True),
            ),
        ),
        paper="Elfwing, Uchibe & Doya (2018), Sigmoid-Weighted Linear Units; Ramachandran, Zoph & "
        "Le (2017), Searching for Activation Functions",
        aliases=("swish",),
    )
    MISH = Activation(
        key="mish",
        title="Mish",
        formula="z·tanh(log(1 + exp(z)))",
        expression=lambda xp, z, p: z * xp.tanh(xp.logaddexp(xp.zeros_like(z), z)),
        operations=32,
        paper="Misra (2020), Mish: A Self Regularized Non-Monotonic Activation Function",
    )
    HARDSWISH = Activation(
        key="hardswish",
        title="Hard Swish",
        formula="z·min(max(z + 3, 0), 6)/6",
        expression=lambda xp, z, p: z * xp.clip(z + 3.0, 0.0, 6.0) / 6.0,
        operations=5,
        paper="Howard et al. (2019), Searching for MobileNetV3",
    )
    TANH = Activation(
        key="tanh",
        title="Tanh",
        formula="tanh(z)",
        expression=lambda xp, z, p: xp.tanh(z),
        operations=10,
        paper="LeCun, Bottou, Orr & Müller (1998), Efficient BackProp",
    )
    SIGMOID = Activation(
        key="sigmoid",
        title="Sigmoid",
        formula="1 / (1 + exp(-z))",
        expression=lambda xp, z, p: xp.expit(z),
        operations=12,
        output_for=(Task.BINARY,),
        paper="Rumelhart, Hinton & Williams (1986), Learning Representations by Back-Propagating "
        "Errors",
        aliases=("logistic",),
    )
    SOFTPLUS = Activation(
        key="softplus",
        title="Softplus",
        formula="log(1 + exp(z))",
        expression=lambda xp, z, p: xp.logaddexp(xp.zeros_like(z), z),
        operations=21,
        paper="Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), Incorporating Second-Order "
        "Functional Knowledge for Better Option Pricing",
    )
    SOFTSIGN = Activation(
        key="softsign",
        title="Softsign",
        formula="z / (1 + |z|)",
        expression=lambda xp, z, p: z / (1.0 + xp.abs(z)),
        operations=3,
        paper="Bergstra, Desjardins, Lamblin & Bengio (2009), Quadratic Polynomials Learn Better "
        "Image Features",
    )
    HARDTANH = Activation(
        key="hardtanh",
        title="Hard Tanh",
        formula="min(max(z, -1), 1)",
        expression=lambda xp, z, p: xp.clip(z, -1.0, 1.0),
        operations=2,
        paper="Collobert (2004), Large Scale Machine Learning",
    )
    RELU6 = Activation(
        key="relu6",
        title="ReLU6",
        formula="min(max(z, 0), 6)",
        expression=lambda xp, z, p: xp.clip(z, 0.0, 6.0),
        operations=2,
        paper="Krizhevsky (2010), Convolutional Deep Belief Networks on CIFAR-10",
    )
    SQUARED_RELU = Activation(
        key="squared_relu",
        title="Squared ReLU",
        formula="max(0, z)²",
        expression=lambda xp, z, p: xp.clip(z, 0.0, None) ** 2,
        operations=2,
        paper="So, Mańke, Liu, Dai, Shazeer & Le (2021), Primer: Searching for Efficient "
        "Transformers for Language Modeling",
        note="Its outputs grow with the square of its inputs: deep networks of it need a "
        "normalization.",
    )
    IDENTITY = Activation(
        key="identity",
        title="Identity (linear)",
        formula="z",
        expression=lambda xp, z, p: z + 0.0,
        exact_gain=gains.unit_gain,
        he_gain=gains.unit_gain,
        operations=0,
        output_for=(Task.REGRESSION,),
        paper="Saxe, McClelland & Ganguli (2014), Exact Solutions to the Nonlinear Dynamics of "
        "Learning in Deep Linear Neural Networks",
        aliases=("linear",),
        note="A network of linear layers is a linear model: a yardstick for all the others.",
    )
    SOFTMAX = Activation(
        key="softmax",
        title="Softmax",
        formula="exp(z_i) / Σ_j exp(z_j)",
        expression=lambda xp, z, p: xp.softmax(z, -1),
        exact_gain=gains.unit_gain,
        operations=12,
        hidden=False,
        output_for=(Task.MULTICLASS,),
        paper="Bridle (1990), Probabilistic Interpretation of Feedforward Classification Network "
        "Outputs",
        note="Softmax belongs at the output: it makes all units of a layer share a sum of 1, so "
        "in a hidden layer they would compete, each would shrink as the layer widens, and its "
        "derivative would vanish as soon as one unit wins.",
    )


ACTIVATIONS: dict[ActivationName, Activation] = {name: name.row for name in ActivationName}


def get_activation(name: str) -> Activation:
    """Return the row called `name`, or that has it as an alias.

    Raises UnknownChoice, which lists the names and the nearest.
    """
    for row in ACTIVATIONS.values():
        if name == row.key or name in row.aliases:
            return row
    raise UnknownChoice("activation", name, ACTIVATIONS)


def output_activation(task: Task) -> Activation:
    """Return the activation at the output of a network for `task`."""
    return next(row for row in ACTIVATIONS.values() if task in row.output_for)
