"""The activation functions: one row each, carrying every fact about it.

A row says what the function is (in words, as a formula, in code), which parameters it has and how
they are searched, by what gain its layers are initialized, where it may stand, and who proposed it.
Everything else follows from the rows: their names, the axes of a search space, the wire format of
the catalog, the plain torch module, and the passes of both engines (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import pi, sqrt
from typing import Any, Self

from search.activations import gains
from search.activations.activation import Activation
from search.activations.formulas import (
    SELU_ALPHA,
    SELU_SCALE,
)
from search.activations.parameter import Parameter
from search.errors import UnknownChoice
from search.study import Task

_SLOPE_LIMITS = (0.0, 1.0)
#: tanh's argument in the sigmoid that it is: (1 + tanh(x))/2 = 1 / (1 + exp(-2x)).
_GELU_TANH = 2.0 * sqrt(2.0 / pi)
#: exp(20) is finite in float32 and its tanh 1; exp(-exp(20)) is 0: infinity never meets 0.
_TELU_CEILING, _GOLU_FLOOR = 20.0, -20.0
#: First coefficients of the Padé activation unit, a least-squares fit to a leaky ReLU on [-3, 3].
_PADE = (
    ("a0", 0.0336),
    ("a1", 0.505),
    ("a2", 1.6527),
    ("a3", 2.0082),
    ("a4", 0.9306),
    ("a5", 0.1521),
    ("b1", 0.0),
    ("b2", 3.9765),
    ("b3", 0.0),
    ("b4", 0.3013),
)


def _polynomial(z: Any, coefficients: Sequence[Any]) -> Any:
    """Return c0 + c1 z + c2 z² + ... by Horner's scheme."""
    total = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        total = total * z + coefficient
    return total


class ActivationName(StrEnum):
    """The names of the activation functions, each defined by its row.

    Names are stored with every trial: rows are only ever added.
    """

    _value_: str
    row: Activation

    # Enum calls it with a member's row, its lookup by value is typed as a call with the value.
    def __new__(cls, row: Any) -> Self:
        """Make a member whose value is the name of `row`."""
        member = str.__new__(cls, row.name)
        member._value_ = row.name
        member.row = row
        return member

    RELU = Activation(
        name="relu",
        title="ReLU",
        formula="max(0, z)",
        expression=lambda xp, z, p: xp.clip(z, 0.0, None),
        exact_gain=gains.rectifier_gain,
        operations=1,
        paper="Nair & Hinton (2010), Rectified Linear Units Improve Restricted Boltzmann Machines",
    )
    LEAKY_RELU = Activation(
        name="leaky_relu",
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
        name="prelu",
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
        name="rrelu",
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
        name="elu",
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
        name="celu",
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
        name="selu",
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
        name="gelu",
        title="GELU",
        formula="z·Φ(z), Φ the standard normal distribution function",
        expression=lambda xp, z, p: z * xp.ndtr(z),
        exact_gain=gains.gelu_gain,
        operations=11,
        paper="Hendrycks & Gimpel (2016), Gaussian Error Linear Units (GELUs)",
    )
    SILU = Activation(
        name="silu",
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
        name="mish",
        title="Mish",
        formula="z·tanh(log(1 + exp(z)))",
        expression=lambda xp, z, p: z * xp.tanh(xp.logaddexp(xp.zeros_like(z), z)),
        operations=32,
        paper="Misra (2020), Mish: A Self Regularized Non-Monotonic Activation Function",
    )
    HARDSWISH = Activation(
        name="hardswish",
        title="Hard Swish",
        formula="z·min(max(z + 3, 0), 6)/6",
        expression=lambda xp, z, p: z * xp.clip(z + 3.0, 0.0, 6.0) / 6.0,
        operations=5,
        paper="Howard et al. (2019), Searching for MobileNetV3",
    )
    TANH = Activation(
        name="tanh",
        title="Tanh",
        formula="tanh(z)",
        expression=lambda xp, z, p: xp.tanh(z),
        operations=10,
        paper="LeCun, Bottou, Orr & Müller (1998), Efficient BackProp",
    )
    SIGMOID = Activation(
        name="sigmoid",
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
        name="softplus",
        title="Softplus",
        formula="log(1 + exp(z))",
        expression=lambda xp, z, p: xp.logaddexp(xp.zeros_like(z), z),
        operations=21,
        paper="Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), Incorporating Second-Order "
        "Functional Knowledge for Better Option Pricing",
    )
    SOFTSIGN = Activation(
        name="softsign",
        title="Softsign",
        formula="z / (1 + |z|)",
        expression=lambda xp, z, p: z / (1.0 + xp.abs(z)),
        operations=3,
        paper="Bergstra, Desjardins, Lamblin & Bengio (2009), Quadratic Polynomials Learn Better "
        "Image Features",
    )
    HARDTANH = Activation(
        name="hardtanh",
        title="Hard Tanh",
        formula="min(max(z, -1), 1)",
        expression=lambda xp, z, p: xp.clip(z, -1.0, 1.0),
        operations=2,
        paper="Collobert (2004), Large Scale Machine Learning",
    )
    RELU6 = Activation(
        name="relu6",
        title="ReLU6",
        formula="min(max(z, 0), 6)",
        expression=lambda xp, z, p: xp.clip(z, 0.0, 6.0),
        operations=2,
        paper="Krizhevsky (2010), Convolutional Deep Belief Networks on CIFAR-10",
    )
    SQUARED_RELU = Activation(
        name="squared_relu",
        title="Squared ReLU",
        formula="max(0, z)²",
        expression=lambda xp, z, p: xp.clip(z, 0.0, None) ** 2,
        operations=2,
        paper="So, Mańke, Liu, Dai, Shazeer & Le (2021), Primer: Searching for Efficient "
        "Transformers for Language Modeling",
        note="Its outputs grow with the square of its inputs: deep networks of it need a "
        "normalization.",
    )
    HARDSIGMOID = Activation(
        name="hardsigmoid",
        title="Hard Sigmoid",
        formula="min(max(z + 3, 0), 6)/6",
        expression=lambda xp, z, p: xp.clip(z + 3.0, 0.0, 6.0) / 6.0,
        operations=4,
        paper="Courbariaux, Bengio & David (2015), BinaryConnect: Training Deep Neural Networks "
        "with Binary Weights during Propagations; of slope 1/6 in Howard et al. (2019), Searching "
        "for MobileNetV3",
        aliases=("hard_sigmoid",),
    )
    LOGSIGMOID = Activation(
        name="logsigmoid",
        title="Log Sigmoid",
        formula="-log(1 + exp(-z))",
        expression=lambda xp, z, p: -xp.logaddexp(xp.zeros_like(z), -z),
        operations=22,
        paper="Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), Incorporating Second-Order "
        "Functional Knowledge for Better Option Pricing; softplus turned by half a turn",
        aliases=("log_sigmoid",),
    )
    TANHSHRINK = Activation(
        name="tanhshrink",
        title="Tanhshrink",
        formula="z - tanh(z)",
        expression=lambda xp, z, p: z - xp.tanh(z),
        operations=11,
        paper="Donoho (1995), De-Noising by Soft-Thresholding; smooth, as in torch.nn.Tanhshrink",
        note="Its slope at zero is zero: small signals die out with the layers.",
    )
    SOFTSHRINK = Activation(
        name="softshrink",
        title="Soft Shrinkage",
        formula="z - min(max(z, -lambda), lambda)",
        expression=lambda xp, z, p: z - xp.clip(z, -p["lambda"], p["lambda"]),
        operations=3,
        parameters=(
            Parameter(
                name="lambda",
                description="half the width of the range around zero that gives zero",
                default=0.5,
                low=0.05,
                high=1.0,
                limits=(0.0, 10.0),
            ),
        ),
        paper="Donoho (1995), De-Noising by Soft-Thresholding",
    )
    HARDSHRINK = Activation(
        name="hardshrink",
        title="Hard Shrinkage",
        formula="0 if |z| <= lambda else z",
        expression=lambda xp, z, p: xp.where(xp.abs(z) <= p["lambda"], 0.0, z),
        operations=3,
        parameters=(
            Parameter(
                name="lambda",
                description="half the width of the range around zero that gives zero",
                default=0.5,
                low=0.05,
                high=1.0,
                limits=(0.0, 10.0),
            ),
        ),
        paper="Donoho & Johnstone (1994), Ideal Spatial Adaptation by Wavelet Shrinkage",
        note="It jumps at both ends of its flat range, which no gradient sees.",
    )
    THRESHOLD = Activation(
        name="threshold",
        title="Threshold",
        formula="z if z > threshold else value",
        expression=lambda xp, z, p: xp.where(z <= p["threshold"], p["value"], z),
        operations=2,
        parameters=(
            Parameter(
                name="threshold",
                description="greatest input that is replaced",
                default=1.0,
                low=0.0,
                high=1.0,
                limits=(-10.0, 10.0),
            ),
            Parameter(
                name="value",
                description="what it is replaced by",
                default=0.0,
                low=-1.0,
                high=1.0,
                limits=(-10.0, 10.0),
            ),
        ),
        paper="Konda, Memisevic & Krueger (2014), Zero-Bias Autoencoders and the Benefits of "
        "Co-Adapting Features",
        aliases=("thresholded_relu",),
        note="It jumps where value differs from threshold, which no gradient sees.",
    )
    GELU_TANH = Activation(
        name="gelu_tanh",
        title="GELU (tanh form)",
        formula="z/2·(1 + tanh(sqrt(2/π)·(z + 0.044715·z³)))",
        expression=lambda xp, z, p: z * xp.expit(_GELU_TANH * (z + 0.044715 * z**3.0)),
        operations=17,
        paper="Hendrycks & Gimpel (2016), Gaussian Error Linear Units (GELUs), section 2",
        note="An approximation of gelu, to 5e-4, which Keras and GPT-2 have.",
    )
    QUICK_GELU = Activation(
        name="quick_gelu",
        title="GELU (sigmoid form)",
        formula="z / (1 + exp(-1.702·z))",
        expression=lambda xp, z, p: z * xp.expit(1.702 * z),
        operations=14,
        paper="Hendrycks & Gimpel (2016), Gaussian Error Linear Units (GELUs), section 2",
        note="An approximation of gelu, to 0.02, which CLIP has; silu at beta = 1.702.",
    )
    HARD_MISH = Activation(
        name="hard_mish",
        title="Hard Mish",
        formula="z·min(max(z + 2, 0), 2)/2",
        expression=lambda xp, z, p: 0.5 * z * xp.clip(z + 2.0, 0.0, 2.0),
        operations=5,
        paper="Misra (2020), H-Mish, as in Wightman (2019), PyTorch Image Models (timm)",
        aliases=("hardmish",),
    )
    SERF = Activation(
        name="serf",
        title="Serf",
        formula="z·erf(log(1 + exp(z)))",
        expression=lambda xp, z, p: z * xp.erf(xp.logaddexp(xp.zeros_like(z), z)),
        operations=32,
        paper="Nag, Bhattacharyya, Mukherjee & Kundu (2023), SERF: Towards Better Training of "
        "Deep Neural Networks Using Log-Softplus ERror Activation Function",
    )
    TELU = Activation(
        name="telu",
        title="TeLU",
        formula="z·tanh(exp(z))",
        expression=lambda xp, z, p: z * xp.tanh(xp.exp(xp.clip(z, None, _TELU_CEILING))),
        operations=22,
        paper="Fernandez & Mali (2024), TeLU Activation Function for Fast and Stable Deep Learning",
    )
    GOLU = Activation(
        name="golu",
        title="GoLU",
        formula="z·exp(-exp(-z))",
        expression=lambda xp, z, p: z * xp.exp(-xp.exp(-xp.clip(z, _GOLU_FLOOR, None))),
        operations=23,
        paper="Das, Safari, Adriaensen & Hutter (2025), Gompertz Linear Units: Leveraging "
        "Asymmetry for Enhanced Learning Dynamics",
    )
    SMELU = Activation(
        name="smelu",
        title="SmeLU",
        formula="z if z >= beta else max(0, z + beta)²/(4·beta)",
        expression=lambda xp, z, p: xp.where(
            z >= p["beta"], z, xp.clip(z + p["beta"], 0.0, None) ** 2.0 / (4.0 * p["beta"])
        ),
        operations=6,
        parameters=(
            Parameter(
                name="beta",
                description="half the width of the parabola that joins zero and the identity",
                default=1.0,
                low=0.1,
                high=2.0,
                limits=(0.01, 10.0),
            ),
        ),
        paper="Shamir & Lin (2022), Real World Large Scale Recommendation Systems Reproducibility "
        "and Smooth Activations",
    )
    SQUAREPLUS = Activation(
        name="squareplus",
        title="Squareplus",
        formula="(z + sqrt(z² + b))/2",
        expression=lambda xp, z, p: 0.5 * (z + xp.sqrt(z * z + p["b"])),
        operations=6,
        parameters=(
            Parameter(
                name="b",
                description="size of the bend at zero; 4·log(2)² has softplus's value there",
                default=4.0,
                low=0.1,
                high=4.0,
                limits=(0.001, 100.0),
            ),
        ),
        paper="Barron (2021), Squareplus: A Softplus-Like Algebraic Rectifier",
    )
    STAR_RELU = Activation(
        name="star_relu",
        title="StarReLU",
        formula="scale·max(0, z)² + bias, both learned",
        expression=lambda xp, z, p: p["scale"] * xp.clip(z, 0.0, None) ** 2.0 + p["bias"],
        operations=4,
        parameters=(
            Parameter(
                name="scale",
                description="initial factor, which makes the variance 1; one a layer",
                default=0.8944,
                low=0.5,
                high=1.5,
                limits=(0.01, 10.0),
                learned=True,
            ),
            Parameter(
                name="bias",
                description="initial addend, which makes the mean 0; one a layer",
                default=-0.4472,
                low=-1.0,
                high=0.0,
                limits=(-10.0, 10.0),
                learned=True,
            ),
        ),
        paper="Yu, Si, Zhou, Luo, Zhou, Feng, Yan & Wang (2022), MetaFormer Baselines for Vision",
    )
    XIELU = Activation(
        name="xielu",
        title="xIELU",
        formula="a·z² + z/2 if z > 0 else (b + 1/2)·(exp(z) - 1 - z) + z/2, a and b the softplus "
        "of learned numbers",
        expression=lambda xp, z, p: (
            0.5 * z
            + xp.where(
                z > 0.0,
                xp.logaddexp(xp.zeros_like(z), p["positive"] + xp.zeros_like(z)) * z * z,
                (0.5 + xp.logaddexp(xp.zeros_like(z), p["negative"] + xp.zeros_like(z)))
                * (xp.expm1(xp.clip(z, None, 0.0)) - z),
            )
        ),
        operations=60,
        parameters=(
            Parameter(
                name="positive",
                description="initial number whose softplus bends it above zero; one a layer",
                default=0.2033,
                low=-1.0,
                high=1.0,
                limits=(-10.0, 10.0),
                learned=True,
            ),
            Parameter(
                name="negative",
                description="initial number whose softplus bends it below zero; one a layer",
                default=-1.0502,
                low=-2.0,
                high=1.0,
                limits=(-10.0, 10.0),
                learned=True,
            ),
        ),
        paper="Huang & Schlag (2024), Deriving Activation Functions Using Integration",
        note="Both bends begin at 0.8. Its outputs grow with the square of its inputs: deep "
        "networks of it need a normalization.",
    )
    ACON = Activation(
        name="acon",
        title="ACON-C",
        formula="(p1 - p2)·z / (1 + exp(-beta·(p1 - p2)·z)) + p2·z, all three learned",
        expression=lambda xp, z, p: (
            (p["p1"] - p["p2"]) * z * xp.expit(p["beta"] * (p["p1"] - p["p2"]) * z) + p["p2"] * z
        ),
        operations=19,
        parameters=(
            Parameter(
                name="p1",
                description="initial slope far above zero; training changes it",
                default=1.0,
                low=0.5,
                high=1.5,
                limits=(-10.0, 10.0),
                learned=True,
            ),
            Parameter(
                name="p2",
                description="initial slope far below zero; training changes it",
                default=0.0,
                low=-0.5,
                high=0.5,
                limits=(-10.0, 10.0),
                learned=True,
            ),
            Parameter(
                name="beta",
                description="initial sharpness, 0 is linear; training changes it",
                default=1.0,
                low=0.25,
                high=4.0,
                log=True,
                limits=(0.0, 10.0),
                learned=True,
            ),
            Parameter(
                name="sharing",
                description="three learned numbers a layer, or three a channel (unit)",
                default="channel",
                choices=("layer", "channel"),
            ),
        ),
        paper="Ma, Zhang, Liu & Sun (2021), Activate or Not: Learning Customized Activation",
    )
    PADE = Activation(
        name="pade",
        title="Padé activation unit",
        formula="(a0 + a1·z + ... + a5·z⁵) / (1 + |b1·z + ... + b4·z⁴|), all learned",
        expression=lambda xp, z, p: (
            _polynomial(z, [p[f"a{k}"] for k in range(6)])
            / (1.0 + xp.abs(z * _polynomial(z, [p[f"b{k}"] for k in range(1, 5)])))
        ),
        operations=22,
        parameters=tuple(
            Parameter(
                name=name,
                description="initial coefficient; the ten begin as a leaky ReLU of slope 0.01",
                default=value,
                low=value - 0.5,
                high=value + 0.5,
                limits=(-100.0, 100.0),
                learned=True,
            )
            for name, value in _PADE
        ),
        paper="Molina, Schramowski & Kersting (2020), Padé Activation Units: End-to-End Learning "
        "of Flexible Activation Functions in Deep Networks",
        aliases=("pau", "rational"),
    )
    SINE = Activation(
        name="sine",
        title="Sine",
        formula="sin(frequency·z)",
        expression=lambda xp, z, p: xp.sin(p["frequency"] * z),
        operations=11,
        parameters=(
            Parameter(
                name="frequency",
                description="turns a 2π of its input",
                default=1.0,
                low=0.25,
                high=10.0,
                log=True,
                limits=(0.01, 100.0),
            ),
        ),
        paper="Sitzmann, Martel, Bergman, Lindell & Wetzstein (2020), Implicit Neural "
        "Representations with Periodic Activation Functions",
        aliases=("siren",),
    )
    SNAKE = Activation(
        name="snake",
        title="Snake",
        formula="z + sin(alpha·z)²/alpha",
        expression=lambda xp, z, p: z + xp.sin(p["alpha"] * z) ** 2.0 / p["alpha"],
        operations=14,
        parameters=(
            Parameter(
                name="alpha",
                description="frequency of the periodic part",
                default=1.0,
                low=0.2,
                high=10.0,
                log=True,
                limits=(0.01, 100.0),
                learned="learned",
            ),
            Parameter(
                name="learned",
                description="whether alpha is learned, one value a layer",
                default=False,
                choices=(False, True),
            ),
        ),
        paper="Ziyin, Hartwig & Ueda (2020), Neural Networks Fail to Learn Periodic Functions and "
        "How to Fix It",
    )
    GAUSSIAN = Activation(
        name="gaussian",
        title="Gaussian",
        formula="exp(-z²/(2·sigma²))",
        expression=lambda xp, z, p: xp.exp(-0.5 * (z / p["sigma"]) ** 2.0),
        operations=14,
        parameters=(
            Parameter(
                name="sigma",
                description="width of the bump",
                default=1.0,
                low=0.1,
                high=3.0,
                log=True,
                limits=(0.01, 100.0),
            ),
        ),
        paper="Ramasinghe & Lucey (2022), Beyond Periodicity: Towards a Unifying Framework for "
        "Activations in Coordinate-MLPs",
    )
    IDENTITY = Activation(
        name="identity",
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
        name="softmax",
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
        if name == row.name or name in row.aliases:
            return row
    raise UnknownChoice("activation", name, ACTIVATIONS)


def output_activation(task: Task) -> Activation:
    """Return the activation at the output of a network for `task`."""
    return next(row for row in ACTIVATIONS.values() if task in row.output_for)
