"""`make torture` in its shortest form: every row is as it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.rows import ROWS
from tests.torture.scales import SMOKE

#: Three kills do not show that half of them hit the search.
NOT_HERE = ("kills",)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_HERE])
def test_the_service_bears_it(name: str, tmp_path: Path) -> None:
    figure = ROWS[name].measure(SMOKE, tmp_path / name)
    assert figure.holds, (figure.shown, figure.details)


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    figure = ROWS["kills"].measure(SMOKE, tmp_path)
    for fault in ("lost", "doubled", "holes", "unfinished", "unequal"):
        assert figure.details[fault] == [], figure.shown
    assert sum(figure.details["kills"].values()) == SMOKE.kills
