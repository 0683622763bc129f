"""A trained network as calls of Keras layers: to be written down, and to be made.

Activations that Keras has are its own; others are a class made of the formula of their row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.activations import ActivationName as Name
from search.exports.activation_source import class_name, fixed_number
from search.exports.formulas import Functions, Symbol
from search.networks.trained_network import HiddenLayer, NormalizationLayer, TrainedNetwork

_EPSILON = 1e-5
#: Share of a running mean that a step keeps, as in the training.
_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerCall:
    """The making of one layer, and the weights that it gets."""

    #: The class: one of `keras.layers`, or, where `own`, one of `model.py`.
    name: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[NDArray[np.floating], ...] = ()
    own: bool = False

    @property
    def source(self) -> str:
        """The call as Python."""
        arguments = [
            *(repr(value).replace("'", '"') for value in self.arguments),
            *(f"{name}={value!r}".replace("'", '"') for name, value in self.keywords.items()),
        ]
        return f"{'' if self.own else 'layers.'}{self.name}({', '.join(arguments)})"


def layer_calls(network: TrainedNetwork) -> list[list[LayerCall]]:
    """Return the layers of each hidden layer, and those of the output at the end."""
    output = network.output
    last = LayerCall(
        name="Dense", arguments=(output.weight.shape[1],), weights=(output.weight, output.bias)
    )
    return [*(list(_hidden(network, layer)) for layer in network.hidden), [last]]


def needs_class(network: TrainedNetwork) -> bool:
    """Whether Keras has no layer for the activation."""
    return _activation(network, network.hidden[0]).own


def _hidden(network: TrainedNetwork, layer: HiddenLayer) -> Iterator[LayerCall]:
    config = network.config
    activation = _activation(network, layer)
    norm = layer.normalization
    joined = norm is None and activation.name == "Activation"
    yield LayerCall(
        name="Dense",
        arguments=(config.width,),
        keywords={"activation": activation.arguments[0]} if joined else {},
        weights=(layer.linear.weight, layer.linear.bias),
    )
    if norm is not None:
        yield _normalization(norm)
    if not joined:
        yield activation
    if config.dropout > 0:
        yield LayerCall(name="Dropout", arguments=(config.dropout,))


def _normalization(norm: NormalizationLayer) -> LayerCall:
    if norm.mean is None or norm.variance is None:
        return LayerCall(
            name="LayerNormalization",
            keywords={"epsilon": _EPSILON},
            weights=(norm.scale, norm.shift),
        )
    return LayerCall(
        name="BatchNormalization",
        keywords={"momentum": _MOMENTUM, "epsilon": _EPSILON},
        weights=(norm.scale, norm.shift, norm.mean, norm.variance),
    )


def _named(name: str, _: HiddenLayer) -> LayerCall:
    return LayerCall(name="Activation", arguments=(name,))


def _named_at(name: str, number: str, value: float, layer: HiddenLayer) -> LayerCall | None:
    """Return an activation that Keras knows by name at one value of its number, else None."""
    return _named(name, layer) if fixed_number(layer, number) == value else None


def _prelu(layer: HiddenLayer) -> LayerCall:
    slope = layer.numbers["slope"]
    shared = {"shared_axes": [1]} if len(slope) == 1 else {}
    return LayerCall(name="PReLU", keywords=shared, weights=(slope,))


def _rrelu(layer: HiddenLayer) -> LayerCall:
    # Its slopes are random in training alone.
    mean = (fixed_number(layer, "lower") + fixed_number(layer, "upper")) / 2.0
    return LayerCall(name="LeakyReLU", keywords={"negative_slope": mean})


def _with_number(name: str, keyword: str, number: str, layer: HiddenLayer) -> LayerCall:
    return LayerCall(name=name, keywords={keyword: fixed_number(layer, number)})


#: What Keras itself has; None where it has nothing for the layer's numbers.
_ACTIVATIONS: Mapping[Name, Callable[[HiddenLayer], LayerCall | None]] = {
    Name.RELU: partial(_named, "relu"),
    Name.LEAKY_RELU: partial(_with_number, "LeakyReLU", "negative_slope", "slope"),
    Name.PRELU: _prelu,
    Name.RRELU: _rrelu,
    Name.ELU: partial(_with_number, "ELU", "alpha", "alpha"),
    Name.CELU: partial(_named_at, "celu", "alpha", 1.0),
    Name.SELU: partial(_named, "selu"),
    Name.GELU: partial(_named, "gelu"),
    Name.MISH: partial(_named, "mish"),
    Name.HARDSWISH: partial(_named, "hard_silu"),
    Name.TANH: partial(_named, "tanh"),
    Name.SIGMOID: partial(_named, "sigmoid"),
    Name.SOFTPLUS: partial(_named, "softplus"),
    Name.SOFTSIGN: partial(_named, "softsign"),
    Name.HARDTANH: partial(_named, "hard_tanh"),
    Name.RELU6: partial(_named, "relu6"),
    Name.HARDSIGMOID: partial(_named, "hard_sigmoid"),
    Name.LOGSIGMOID: partial(_named, "log_sigmoid"),
    Name.TANHSHRINK: partial(_named, "tanh_shrink"),
    Name.SOFTSHRINK: partial(_named_at, "soft_shrink", "lambda", 0.5),
    Name.HARDSHRINK: partial(_named_at, "hard_shrink", "lambda", 0.5),
    Name.SQUAREPLUS: partial(_named_at, "squareplus", "b", 4.0),
    Name.IDENTITY: partial(_named, "linear"),
}


def _activation(network: TrainedNetwork, layer: HiddenLayer) -> LayerCall:
    known: LayerCall | None = None
    if layer.row.listed:
        name = Name(layer.activation)
        if name is Name.SILU and network.config.plain:
            known = _named("silu", layer)
        elif name in _ACTIVATIONS:
            known = _ACTIVATIONS[name](layer)
    if known is not None:
        return known
    weights = tuple(layer.numbers[name] for name, _ in network.config.learned)
    return LayerCall(name=class_name(layer.row), weights=weights, own=True)


class KerasFunctions(Functions):
    """The functions of formulas by what `keras.ops` has for them."""

    def clip(self, z: Any, low: Any, high: Any) -> Symbol:
        """Cut off below and above."""
        call = super().__getattr__
        if low is None:
            return call("minimum")(z, high)
        return call("maximum")(z, low) if high is None else call("clip")(z, low, high)

    def expit(self, z: Any) -> Symbol:
        """Return the logistic function."""
        return super().__getattr__("sigmoid")(z)

    def ndtr(self, z: Any) -> Any:
        """Return the standard normal distribution function."""
        erf: Any = super().__getattr__("erf")(z / sqrt(2.0))
        return (erf + 1.0) / 2.0
