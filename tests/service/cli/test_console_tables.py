"""Numbers in the terminal's tables are short and plain."""

from __future__ import annotations

import pytest

from service.cli.console_tables import show_number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.012345, "0.0123"),
        (-0.2, "-0.2"),
        (999.4, "999"),
        (999.6, "1000"),
        (3085.4, "3085"),
        (-3.2e6, "-3200000"),
        (3.2e9, "3.2e+09"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_has_three_digits_and_no_power_of_ten_below_ten_million(
    value: float | None, shown: str
) -> None:
    assert show_number(value, 3) == shown
