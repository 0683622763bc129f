"""A person's own activations train in both engines as a plain network of their formula does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.activations import own_activation
from search.networks.lane import Lane, NetworkConfig
from search.study import Expression, ExpressionParameter, ParamValue
from tests.search.engines.test_stack import assert_equals_plain_network
from tests.search.plain_network import BASE, lane, segment, small_data, train

EXPRESSIONS = (
    Expression(name="plain", expression="x*tanh(log(1 + exp(x))) + 0.1*sin(2*x)"),
    Expression(name="kinked", expression="where(x > 0.2, max(x, 0.5), 0.3*abs(x + 1)) - 0.1"),
    Expression(
        name="learned",
        expression="scale*x*sigmoid(beta*x) + bias*cos(x) + fixed*x",
        # Names that layers have for something else; learned ones behind one that is not, whose
        # values are exact in float32, which plain modules begin with.
        parameters=(
            ExpressionParameter(name="fixed", default=0.125, low=0.0, high=1.0),
            ExpressionParameter(name="scale", default=0.9, learned=True),
            ExpressionParameter(name="bias", default=0.2, learned=True),
            ExpressionParameter(name="beta", default=1.0, low=0.1, high=3.0, learned=True),
        ),
    ),
    Expression(
        name="fraction",
        expression="(a + b*x + c*x**2)/(1 + abs(d*x) + x**4) + erf(x)*sqrt(1 + x*x)**d - x**-2*0",
        parameters=tuple(
            ExpressionParameter(name=name, default=0.3, learned=True) for name in "abcd"
        ),
    ),
)
OWN = {one.name: own_activation(one) for one in EXPRESSIONS}


def own_lane(number: int, name: str, **params: ParamValue) -> Lane:
    config = NetworkConfig.from_params({**BASE, **params, "activation": name}, OWN)
    return replace(lane(number), config=config)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "kernels"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("name", OWN)
def test_an_expression_equals_the_plain_network(
    name: str, normalization: str, compiled: bool
) -> None:
    company = [
        own_lane(0, name, depth=3, normalization=normalization, initializer="scaled_orthogonal"),
        own_lane(1, name, depth=1, normalization=normalization, optimizer="sgd"),
        lane(2, activation="prelu", depth=2, normalization=normalization),
        own_lane(3, "learned", depth=2, normalization=normalization, learned_fixed=0.75),
        own_lane(4, name, depth=2, normalization=normalization, gradient_clip=0.5, dropout=0.3),
    ]
    reports = train(segment(company, compiled=compiled), small_data())
    for member in company:
        assert_equals_plain_network(member, reports[member.configuration, 0])


def test_parameters_are_read_from_the_configuration() -> None:
    config = own_lane(0, "learned", learned_fixed=0.75, learned_beta=2.0).config
    assert config.activation_numbers == {"scale": 0.9, "bias": 0.2, "beta": 2.0, "fixed": 0.75}
    assert [name for name, _ in config.learned] == ["scale", "bias", "beta"]
