"""One lane as a plain torch.nn.Sequential, for use without this project and as an oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from search.activations import ActivationName as Name
from search.activations.formulas import Namespace
from search.networks.lane import LaneState, NetworkConfig

#: The functions of formulas (see `search.activations.formulas`) for tensors.
TORCH = Namespace(torch, torch.special)


class FormulaModule(nn.Module):
    """An activation as the formula of its row, for those that torch has no module for.

    Its numbers are buffers of one element, or parameters where they are learned: of one element, or
    of one a unit where the activation shares them by "channel". A person may call theirs as a
    module calls an attribute, so that each has a name of its own here.
    """

    _PREFIX = "number_"

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.activation = config.row
        sizes = {
            name: config.width if sharing == "channel" else 1 for name, sharing in config.learned
        }
        for name, number in config.activation_numbers.items():
            value = torch.full((sizes.get(name, 1),), number)
            if name in sizes:
                self.register_parameter(self._PREFIX + name, nn.Parameter(value))
            else:
                self.register_buffer(self._PREFIX + name, value)

    def forward(self, z: Tensor) -> Tensor:
        """Apply elementwise to `z` (N, H)."""
        named = {**dict(self.named_buffers()), **dict(self.named_parameters())}
        numbers = {name.removeprefix(self._PREFIX): value for name, value in named.items()}
        result: Tensor = self.activation.expression(TORCH, z, numbers)
        return result


def _prelu(config: NetworkConfig) -> nn.Module:
    units = config.width if config.activation_params["sharing"] == "channel" else 1
    return nn.PReLU(units, init=config.activation_numbers["slope"])


def _silu(config: NetworkConfig) -> nn.Module:
    return nn.SiLU() if config.plain else FormulaModule(config)


#: Torch's own modules; every other activation is a FormulaModule.
MODULES: dict[Name, Callable[[NetworkConfig], nn.Module]] = {
    Name.RELU: lambda _: nn.ReLU(),
    Name.LEAKY_RELU: lambda c: nn.LeakyReLU(c.activation_numbers["slope"]),
    Name.PRELU: _prelu,
    Name.RRELU: lambda c: nn.RReLU(c.activation_numbers["lower"], c.activation_numbers["upper"]),
    Name.ELU: lambda c: nn.ELU(c.activation_numbers["alpha"]),
    Name.CELU: lambda c: nn.CELU(c.activation_numbers["alpha"]),
    Name.SELU: lambda _: nn.SELU(),
    Name.GELU: lambda _: nn.GELU(),
    Name.SILU: _silu,
    Name.MISH: lambda _: nn.Mish(),
    Name.HARDSWISH: lambda _: nn.Hardswish(),
    Name.TANH: lambda _: nn.Tanh(),
    Name.SIGMOID: lambda _: nn.Sigmoid(),
    Name.SOFTPLUS: lambda _: nn.Softplus(),
    Name.SOFTSIGN: lambda _: nn.Softsign(),
    Name.HARDTANH: lambda _: nn.Hardtanh(),
    Name.RELU6: lambda _: nn.ReLU6(),
    Name.IDENTITY: lambda _: nn.Identity(),
}

_NORMS: Mapping[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def _activation_module(config: NetworkConfig) -> nn.Module:
    if config.row.listed and Name(config.activation) in MODULES:
        return MODULES[Name(config.activation)](config)
    return FormulaModule(config)


def build_network(config: NetworkConfig, *, features: int, outputs: int) -> nn.Sequential:
    """Return the plain network of `config`, (N, features) -> logits (N, outputs).

    Its weights are torch's own initial ones; `load_state` gives it those of a trained lane.
    """
    modules: list[nn.Module] = []
    fan_in = features
    for _ in range(config.depth):
        modules.append(nn.Linear(fan_in, config.width))
        if config.normalization in _NORMS:
            modules.append(_NORMS[config.normalization](config.width))
        modules.append(_activation_module(config))
        if config.dropout > 0:
            modules.append(nn.Dropout(config.dropout))
        fan_in = config.width
    return nn.Sequential(*modules, nn.Linear(fan_in, outputs))


@torch.no_grad()
def load_state(network: nn.Sequential, state: LaneState, config: NetworkConfig) -> None:
    """Copy the weights and running statistics of a trained lane into `network`.

    `network` is built by `build_network` from the lane's configuration.
    """
    flat = torch.from_numpy(state.params)
    linears = [module for module in network if isinstance(module, nn.Linear)]
    position = 0

    def take(count: int) -> Tensor:
        nonlocal position
        position += count
        return flat[position - count : position]

    for linear in (linears[-1], *linears[:-1]):
        weight = take(linear.weight.numel()).view(linear.in_features, linear.out_features)
        linear.weight.copy_(weight.t())
    for tensors in _vectors(network):
        for tensor in tensors:
            tensor.copy_(take(tensor.numel()).view(tensor.shape))
    if state.running.size:
        norms = [module for module in network if isinstance(module, nn.BatchNorm1d)]
        for norm, (mean, variance) in zip(norms, torch.from_numpy(state.running), strict=True):
            norm.get_buffer("running_mean").copy_(mean)
            norm.get_buffer("running_var").copy_(variance)


def _vectors(network: nn.Sequential) -> list[list[Tensor]]:
    """Return biases, normalization and learned slopes by layer, in the order of a LaneState."""
    linears = [module for module in network if isinstance(module, nn.Linear)]
    layers: list[list[Tensor]] = []
    for module in list(network)[:-1]:
        if isinstance(module, nn.Linear):
            layers.append([])
        tensors = dict(module.named_parameters())
        # The weights of linear layers come first of all, see LaneState.
        wanted = ("bias",) if isinstance(module, nn.Linear) else tuple(tensors)
        layers[-1] += [tensors[name] for name in wanted if name in tensors]
    return [[linears[-1].bias], *layers]
