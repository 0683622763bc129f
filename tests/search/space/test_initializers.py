"""The table of initializers."""

from math import sqrt

import pytest

from search.activations import ACTIVATIONS, get_activation
from search.activations.gains import GainRule, LayerGains
from search.errors import UnknownChoice
from search.space import INITIALIZERS, get_initializer
from search.space.initializers import BiasRule, InitializerName

#: Standard deviations for fan_in 50, fan_out 200, gain 1.5, worked out by hand.
EXPECTED = {
    "xavier_uniform": 1.5 * sqrt(2 / 250),
    "xavier_normal": 1.5 * sqrt(2 / 250),
    "kaiming_uniform": 1.5 / sqrt(50),
    "kaiming_normal": 1.5 / sqrt(50),
    "lecun_uniform": 1.5 / sqrt(50),
    "lecun_normal": 1.5 / sqrt(50),
    "orthogonal": 1.5 / sqrt(200),
    "truncated_normal": 1.5 / sqrt(50),
    "torch_default": 1.5 / sqrt(50),
    "scaled_orthogonal": 1.5 / sqrt(50),
    "lsuv": 1.5 / sqrt(50),
}
#: The gain that each textbook initializer has for ReLU, on every layer.
TEXTBOOK = {
    "xavier_uniform": 1.0,
    "xavier_normal": 1.0,
    "kaiming_uniform": sqrt(2.0),
    "kaiming_normal": sqrt(2.0),
    "lecun_uniform": 1.0,
    "lecun_normal": 1.0,
    "orthogonal": 1.0,
    "truncated_normal": sqrt(2.0),
    "torch_default": 1.0 / sqrt(3.0),
    "lsuv": 1.0,
}
HIDDEN = [row.name for row in ACTIVATIONS.values() if row.hidden]


def gains_of(name: str, activation: str, rule: GainRule = GainRule.CRITICAL) -> LayerGains:
    row = get_activation(activation)
    return get_initializer(name).gains(row, row.numbers({}), rule, 3)


def test_every_name_has_one_row_under_its_own_name() -> None:
    assert set(INITIALIZERS) == set(InitializerName) == set(EXPECTED)
    assert all(row.name == name for name, row in INITIALIZERS.items())


@pytest.mark.parametrize("name", EXPECTED)
def test_scale_is_the_standard_deviation_of_the_paper(name: str) -> None:
    assert get_initializer(name).scale(50, 200, 1.5) == pytest.approx(EXPECTED[name], rel=1e-14)


@pytest.mark.parametrize("name", TEXTBOOK)
@pytest.mark.parametrize("rule", GainRule)
def test_a_textbook_initializer_has_one_gain_for_every_layer(name: str, rule: GainRule) -> None:
    gains = gains_of(name, "relu", rule)
    expected = pytest.approx(TEXTBOOK[name], rel=1e-14)
    assert [gains.of_layer(k, 3) for k in range(4)] == [expected] * 4
    assert gains.bias == gains.center == 0.0


@pytest.mark.parametrize("name", TEXTBOOK)
def test_weights_depend_on_the_activation_exactly_where_the_row_says_so(name: str) -> None:
    row = get_initializer(name)
    differ = len({gains_of(name, activation).hidden for activation in HIDDEN}) > 1
    # LSUV's depend on it by what is measured.
    assert (differ or row.normalizes_outputs) is row.uses_gain


@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        ("relu", sqrt(2)),
        ("leaky_relu", sqrt(2 / 1.0001)),
        ("prelu", sqrt(2 / 1.0625)),
        ("identity", 1.0),
        ("tanh", sqrt(2)),
        ("selu", sqrt(2)),
        ("gelu", sqrt(2)),
    ],
)
def test_he_is_he_for_rectifiers_and_two_for_all_others(activation: str, gain: float) -> None:
    """He et al. (2015), equation 15, "if a = 1, it becomes the linear case"; else as in Keras."""
    assert gains_of("kaiming_normal", activation).hidden == pytest.approx(gain, rel=1e-14)
    assert gains_of("truncated_normal", activation).hidden == pytest.approx(sqrt(2), rel=1e-14)


def test_the_rule_decides_the_gain_of_the_scaled_initializer() -> None:
    variance, critical = (gains_of("scaled_orthogonal", "tanh", rule) for rule in GainRule)
    assert variance == LayerGains(hidden=get_activation("tanh").gain({}))
    assert critical.hidden < 1.2 < variance.hidden
    assert critical.bias > 0.0


def test_only_torch_default_and_the_scaled_initializer_draw_biases() -> None:
    drawn = {r.name: r.bias for r in INITIALIZERS.values() if r.bias is not BiasRule.ZERO}
    assert drawn == {
        InitializerName.TORCH_DEFAULT: BiasRule.UNIFORM_FAN_IN,
        InitializerName.SCALED_ORTHOGONAL: BiasRule.BY_GAIN,
    }


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="did you mean 'kaiming_normal'"):
        get_initializer("kaiming_norm")
