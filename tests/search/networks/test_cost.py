"""What a network costs, against the network itself."""

from __future__ import annotations

from itertools import product

import pytest

from search.activations import ActivationName
from search.networks.cost import parameter_count
from search.networks.sequential import build_network
from search.study import ParamValue
from tests.search.plain_network import config

EXTRAS: tuple[dict[str, ParamValue], ...] = (
    {},
    {"prelu_sharing": "channel", "silu_learned": True},
)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", [name for name in ActivationName if name != "softmax"])
def test_parameters_are_those_of_the_network(activation: str, normalization: str) -> None:
    for depth, width in product((1, 4), (8, 12)):
        for extra in EXTRAS:
            params = {**extra, "depth": depth, "width": width, "normalization": normalization}
            made = config(activation=activation, **params)
            network = build_network(made, features=7, outputs=3)
            numel = sum(parameter.numel() for parameter in network.parameters())
            assert parameter_count(made, features=7, outputs=3) == numel
