"""The table of initializers."""

from math import sqrt

import pytest

from search.errors import UnknownChoice
from search.space import INITIALIZERS, get_initializer
from search.space.initializers import BiasRule, InitializerName

#: Standard deviations for fan_in 50, fan_out 200, gain 1.5, worked out by hand.
EXPECTED = {
    "xavier_uniform": sqrt(2 / 250),
    "xavier_normal": sqrt(2 / 250),
    "kaiming_uniform": 1.5 / sqrt(50),
    "kaiming_normal": 1.5 / sqrt(50),
    "lecun_uniform": 1 / sqrt(50),
    "lecun_normal": 1 / sqrt(50),
    "orthogonal": 1.5 / sqrt(200),
    "truncated_normal": 1.5 / sqrt(50),
    "torch_default": 1 / sqrt(3 * 50),
}


def test_every_name_has_one_row_under_its_own_name() -> None:
    assert set(INITIALIZERS) == set(InitializerName) == set(EXPECTED)
    assert all(row.name == name for name, row in INITIALIZERS.items())


@pytest.mark.parametrize("name", EXPECTED)
def test_scale_is_the_standard_deviation_of_the_paper(name: str) -> None:
    assert get_initializer(name).scale(50, 200, 1.5) == pytest.approx(EXPECTED[name], rel=1e-14)


@pytest.mark.parametrize("row", INITIALIZERS.values(), ids=lambda row: row.name.value)
def test_scale_depends_on_the_gain_exactly_where_the_row_says_so(row) -> None:
    assert (row.scale(50, 200, 1.5) != row.scale(50, 200, 1.0)) is row.uses_gain


def test_only_torch_default_draws_biases() -> None:
    drawn = [r.name for r in INITIALIZERS.values() if r.bias is BiasRule.UNIFORM_FAN_IN]
    assert drawn == [InitializerName.TORCH_DEFAULT]


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="did you mean 'kaiming_normal'"):
        get_initializer("kaiming_norm")
