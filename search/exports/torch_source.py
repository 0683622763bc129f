"""A trained network as the module that a person would have written, and the names of its weights.

The network is one `nn.Sequential`. Activations that torch has a module for are that module; others
are a class of their own, made of the formula of their row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from search.activations import ActivationName as Name
from search.exports.activation_source import (
    attribute_name,
    body_of,
    class_docstring,
    class_name,
    fixed_number,
)
from search.exports.folder import docstring
from search.networks.trained_network import HiddenLayer, TrainedNetwork
from search.study import Task

#: Layers up to here are written one by one, more in a loop.
_WRITTEN_OUT = 4
_SPECIAL = {"ndtr", "logit", "erf", "erfc", "log_ndtr", "softplus"}
_NAMES = {"expit": "torch.sigmoid"}


def _number(layer: HiddenLayer, name: str) -> str:
    return repr(fixed_number(layer, name))


def _prelu(layer: HiddenLayer) -> str:
    units = len(layer.numbers["slope"])
    return "nn.PReLU()" if units == 1 else f"nn.PReLU({units})"


#: Torch's own modules, as `search.networks.sequential` has them; None where it has none for the
#: layer's numbers.
_MODULES: Mapping[Name, Callable[[HiddenLayer], str]] = {
    Name.RELU: lambda _: "nn.ReLU()",
    Name.LEAKY_RELU: lambda x: f"nn.LeakyReLU({_number(x, 'slope')})",
    Name.PRELU: _prelu,
    Name.RRELU: lambda x: f"nn.RReLU({_number(x, 'lower')}, {_number(x, 'upper')})",
    Name.ELU: lambda x: f"nn.ELU({_number(x, 'alpha')})",
    Name.CELU: lambda x: f"nn.CELU({_number(x, 'alpha')})",
    Name.SELU: lambda _: "nn.SELU()",
    Name.GELU: lambda _: "nn.GELU()",
    Name.MISH: lambda _: "nn.Mish()",
    Name.HARDSWISH: lambda _: "nn.Hardswish()",
    Name.TANH: lambda _: "nn.Tanh()",
    Name.SIGMOID: lambda _: "nn.Sigmoid()",
    Name.SOFTPLUS: lambda _: "nn.Softplus()",
    Name.SOFTSIGN: lambda _: "nn.Softsign()",
    Name.HARDTANH: lambda _: "nn.Hardtanh()",
    Name.RELU6: lambda _: "nn.ReLU6()",
    Name.IDENTITY: lambda _: "nn.Identity()",
}
_OUTPUTS = {
    Task.REGRESSION: "predictions of the standardised target",
    Task.BINARY: "logits of the second class",
    Task.MULTICLASS: "logits",
}
_NORMS = {"batch": "nn.BatchNorm1d", "layer": "nn.LayerNorm"}


def model_source(network: TrainedNetwork, task: Task, about: str) -> str:
    """Return the text of `model.py`; `about`, a sentence, is its docstring."""
    config, first = network.config, network.hidden[0]
    inputs, outputs = first.linear.weight.shape[0], network.output.weight.shape[1]
    title = config.row.title
    own = _own_module(network)
    plural = "s" if config.depth > 1 else ""
    module = [
        docstring(about),
        "",
        *(["import torch"] if own else []),
        "from torch import Tensor, nn",
        "",
        "",
        *([own, "", ""] if own else []),
        "class Network(nn.Module):",
        f'    """{config.depth} hidden layer{plural} of {config.width} units, {title}."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        *_sequential(network),
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        f'        """Return {_OUTPUTS[task]}, (N, {outputs}), for inputs (N, {inputs})."""',
        "        return self.layers(x)",
        "",
    ]
    return "\n".join(module)


def state_dict(network: TrainedNetwork) -> dict[str, NDArray[np.generic]]:
    """Return the weights by their names in the module of `model_source`."""
    state: dict[str, NDArray[np.generic]] = {}
    place = 0

    def put(**tensors: NDArray[np.generic] | None) -> None:
        nonlocal place
        for name, tensor in tensors.items():
            if tensor is not None:
                state[f"layers.{place}.{name}"] = np.ascontiguousarray(tensor)
        place += 1

    learned = [name for name, _ in network.config.learned]
    for layer in network.hidden:
        put(weight=layer.linear.weight.T, bias=layer.linear.bias)
        norm = layer.normalization
        if norm is not None:
            put(
                weight=norm.scale,
                bias=norm.shift,
                running_mean=norm.mean,
                running_var=norm.variance,
                num_batches_tracked=None if norm.mean is None else np.array(0),
            )
        of_torch = layer.activation == Name.PRELU
        put(
            **{
                "weight" if of_torch else attribute_name(layer.row, name): layer.numbers[name]
                for name in learned
            }
        )
        place += network.config.dropout > 0
    put(weight=network.output.weight.T, bias=network.output.bias)
    return state


def _sequential(network: TrainedNetwork) -> Iterator[str]:
    config = network.config
    inputs, outputs = network.hidden[0].linear.weight.shape[0], network.output.weight.shape[1]
    last = f"            nn.Linear({config.width}, {outputs}),"
    if config.depth <= _WRITTEN_OUT:
        yield "        self.layers = nn.Sequential("
        for fan_in in (inputs, *[config.width] * (config.depth - 1)):
            for module in _layer(network, str(fan_in)):
                yield f"            {module},"
    else:
        yield "        hidden: list[nn.Module] = []"
        yield f"        for inputs in [{inputs}, *[{config.width}] * {config.depth - 1}]:"
        yield "            hidden += ["
        for module in _layer(network, "inputs"):
            yield f"                {module},"
        yield "            ]"
        yield "        self.layers = nn.Sequential("
        yield "            *hidden,"
    yield last
    yield "        )"


def _layer(network: TrainedNetwork, inputs: str) -> Iterator[str]:
    config, layer = network.config, network.hidden[0]
    yield f"nn.Linear({inputs}, {config.width})"
    if config.normalization in _NORMS:
        yield f"{_NORMS[config.normalization]}({config.width})"
    yield _module(network, layer) or f"{class_name(layer.row)}()"
    if config.dropout > 0:
        yield f"nn.Dropout({config.dropout!r})"


def _module(network: TrainedNetwork, layer: HiddenLayer) -> str | None:
    if not layer.row.listed:
        return None
    name = Name(layer.activation)
    if name is Name.SILU:
        return "nn.SiLU()" if network.config.plain else None
    return _MODULES[name](layer) if name in _MODULES else None


def _own_module(network: TrainedNetwork) -> str:
    """Return the class of an activation that torch has no module for, "" where it has one."""
    layer, config = network.hidden[0], network.config
    if _module(network, layer) is not None:
        return ""
    learned = [name for name, _ in config.learned]
    first = [
        f"        self.{attribute_name(layer.row, name)} = "
        f"nn.Parameter(torch.ones({len(layer.numbers[name])}))"
        for name in learned
    ]
    return "\n".join(
        [
            f"class {class_name(layer.row)}(nn.Module):",
            class_docstring(layer.row),
            "",
            *(
                ["    def __init__(self) -> None:", "        super().__init__()", *first, ""]
                if first
                else []
            ),
            "    def forward(self, z: Tensor) -> Tensor:",
            '        """Apply elementwise."""',
            *(f"        {line}" for line in body_of(layer, learned, _called)),
        ]
    )


def _called(function: str) -> str:
    if function in _NAMES:
        return _NAMES[function]
    return f"torch.special.{function}" if function in _SPECIAL else f"torch.{function}"
