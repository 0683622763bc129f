"""The activation functions: one row each, carrying every fact about it.

A row says what the function is (in words, as a formula, in NumPy), which parameters it has and how
they are searched, by what gain its layers are initialized, where it may stand, and who proposed it.
The torch kernels in `search.engines.stacked.kernels` are looked up by the same names.
"""

from __future__ import annotations

from search.activations import formulas, gains
from search.activations.activation import Activation, ActivationName, Parameter
from search.errors import UnknownChoice
from search.study import Task

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ActivationName",
    "Parameter",
    "get_activation",
    "output_activation",
]

_SLOPE_LIMITS = (0.0, 1.0)

_ROWS: tuple[Activation, ...] = (
    Activation(
        name=ActivationName.RELU,
        title="ReLU",
        formula="max(0, z)",
        function=formulas.relu,
        gain=gains.rectifier_gain,
        operations=1,
        paper="Nair & Hinton (2010), Rectified Linear Units Improve Restricted Boltzmann Machines",
    ),
    Activation(
        name=ActivationName.LEAKY_RELU,
        title="Leaky ReLU",
        formula="z if z > 0 else slope·z",
        function=formulas.leaky_relu,
        gain=gains.rectifier_gain,
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
    ),
    Activation(
        name=ActivationName.PRELU,
        title="PReLU",
        formula="z if z > 0 else slope·z, slope learned",
        function=formulas.leaky_relu,
        gain=gains.rectifier_gain,
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
    ),
    Activation(
        name=ActivationName.RRELU,
        title="Randomized leaky ReLU",
        formula="z if z > 0 else a·z, a ~ U(lower, upper) in training, (lower + upper)/2 after",
        function=formulas.rrelu,
        gain=gains.rrelu_gain,
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
    ),
    Activation(
        name=ActivationName.ELU,
        title="ELU",
        formula="z if z > 0 else alpha·(exp(z) - 1)",
        function=formulas.elu,
        gain=gains.elu_gain,
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
    ),
    Activation(
        name=ActivationName.CELU,
        title="CELU",
        formula="z if z > 0 else alpha·(exp(z/alpha) - 1)",
        function=formulas.celu,
        gain=gains.celu_gain,
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
    ),
    Activation(
        name=ActivationName.SELU,
        title="SELU",
        formula="1.0507·(z if z > 0 else 1.6733·(exp(z) - 1))",
        function=formulas.selu,
        gain=gains.selu_gain,
        operations=14,
        paper="Klambauer, Unterthiner, Mayr & Hochreiter (2017), Self-Normalizing Neural Networks",
        note="Keeps mean 0 and variance 1 with lecun_normal and no normalization.",
    ),
    Activation(
        name=ActivationName.GELU,
        title="GELU",
        formula="z·Φ(z), Φ the standard normal distribution function",
        function=formulas.gelu,
        gain=gains.gelu_gain,
        operations=11,
        paper="Hendrycks & Gimpel (2016), Gaussian Error Linear Units (GELUs)",
    ),
    Activation(
        name=ActivationName.SILU,
        title="SiLU (Swish)",
        formula="z / (1 + exp(-beta·z))",
        function=formulas.silu,
        gain=gains.numerical_gain(formulas.silu),
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
    ),
    Activation(
        name=ActivationName.MISH,
        title="Mish",
        formula="z·tanh(log(1 + exp(z)))",
        function=formulas.mish,
        gain=gains.numerical_gain(formulas.mish),
        operations=32,
        paper="Misra (2020), Mish: A Self Regularized Non-Monotonic Activation Function",
    ),
    Activation(
        name=ActivationName.HARDSWISH,
        title="Hard Swish",
        formula="z·min(max(z + 3, 0), 6)/6",
        function=formulas.hardswish,
        gain=gains.numerical_gain(formulas.hardswish),
        operations=5,
        paper="Howard et al. (2019), Searching for MobileNetV3",
    ),
    Activation(
        name=ActivationName.TANH,
        title="Tanh",
        formula="tanh(z)",
        function=formulas.tanh,
        gain=gains.numerical_gain(formulas.tanh),
        operations=10,
        paper="LeCun, Bottou, Orr & Müller (1998), Efficient BackProp",
    ),
    Activation(
        name=ActivationName.SIGMOID,
        title="Sigmoid",
        formula="1 / (1 + exp(-z))",
        function=formulas.sigmoid,
        gain=gains.numerical_gain(formulas.sigmoid),
        operations=12,
        output_for=(Task.BINARY,),
        paper="Rumelhart, Hinton & Williams (1986), Learning Representations by Back-Propagating "
        "Errors",
        aliases=("logistic",),
    ),
    Activation(
        name=ActivationName.SOFTPLUS,
        title="Softplus",
        formula="log(1 + exp(z))",
        function=formulas.softplus,
        gain=gains.numerical_gain(formulas.softplus),
        operations=21,
        paper="Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), Incorporating Second-Order "
        "Functional Knowledge for Better Option Pricing",
    ),
    Activation(
        name=ActivationName.SOFTSIGN,
        title="Softsign",
        formula="z / (1 + |z|)",
        function=formulas.softsign,
        gain=gains.numerical_gain(formulas.softsign),
        operations=3,
        paper="Bergstra, Desjardins, Lamblin & Bengio (2009), Quadratic Polynomials Learn Better "
        "Image Features",
    ),
    Activation(
        name=ActivationName.HARDTANH,
        title="Hard Tanh",
        formula="min(max(z, -1), 1)",
        function=formulas.hardtanh,
        gain=gains.numerical_gain(formulas.hardtanh),
        operations=2,
        paper="Collobert (2004), Large Scale Machine Learning",
    ),
    Activation(
        name=ActivationName.RELU6,
        title="ReLU6",
        formula="min(max(z, 0), 6)",
        function=formulas.relu6,
        gain=gains.numerical_gain(formulas.relu6),
        operations=2,
        paper="Krizhevsky (2010), Convolutional Deep Belief Networks on CIFAR-10",
    ),
    Activation(
        name=ActivationName.IDENTITY,
        title="Identity (linear)",
        formula="z",
        function=formulas.identity,
        gain=gains.unit_gain,
        he_gain=gains.unit_gain,
        operations=0,
        output_for=(Task.REGRESSION,),
        paper="Saxe, McClelland & Ganguli (2014), Exact Solutions to the Nonlinear Dynamics of "
        "Learning in Deep Linear Neural Networks",
        aliases=("linear",),
        note="A network of linear layers is a linear model: a yardstick for all the others.",
    ),
    Activation(
        name=ActivationName.SOFTMAX,
        title="Softmax",
        formula="exp(z_i) / Σ_j exp(z_j)",
        function=formulas.softmax,
        gain=gains.unit_gain,
        operations=12,
        hidden=False,
        output_for=(Task.MULTICLASS,),
        paper="Bridle (1990), Probabilistic Interpretation of Feedforward Classification Network "
        "Outputs",
        note="Softmax belongs at the output: it makes all units of a layer share a sum of 1, so "
        "in a hidden layer they would compete, each would shrink as the layer widens, and its "
        "derivative would vanish as soon as one unit wins.",
    ),
)

ACTIVATIONS: dict[ActivationName, Activation] = {row.name: row for row in _ROWS}


def get_activation(name: str) -> Activation:
    """Return the row called `name`, or that has it as an alias.

    Raises UnknownChoice, which lists the names and the nearest.
    """
    for row in _ROWS:
        if name == row.name or name in row.aliases:
            return row
    raise UnknownChoice("activation", name, ACTIVATIONS)


def output_activation(task: Task) -> Activation:
    """Return the activation at the output of a network for `task`."""
    return next(row for row in _ROWS if task in row.output_for)
