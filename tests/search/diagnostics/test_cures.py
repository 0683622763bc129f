"""Advice is given for what it cures: the rules follow the recorded table of cures."""

from __future__ import annotations

import json

import pytest

from search.diagnostics import RULES
from search.diagnostics.rule import Rule
from tests.benchmarks.cures import ENOUGH, PAGE, RESULTS, page_table, ranked

TABLE = json.loads(RESULTS.read_text())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name.value)
def test_advice_cures_more_often_than_not_and_stands_in_the_order_of_its_cures(rule: Rule) -> None:
    shares = dict(ranked(TABLE[rule.name]))
    given = [shares[advice] for advice in rule.advices if advice in shares]
    assert all(share >= ENOUGH for share in given)
    assert given == sorted(given, reverse=True)
    best = [advice for advice, share in ranked(TABLE[rule.name]) if share >= ENOUGH]
    assert set(best[:3]) <= {advice.value for advice in rule.advices}


def test_the_page_shows_the_recorded_table() -> None:
    assert page_table(TABLE) in PAGE.read_text()
