"""The words of the templates: ages, spans, JSON within a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from jinja2 import UndefinedError

from service.pages.templating import age, duration, json_block, templates

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7_300, "2 hours ago"),
        (90_000, "1 day ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == words


def test_no_time_has_no_age() -> None:
    assert age(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (5.2, "5 s"), (125, "2 min 5 s"), (7_260, "2 h 1 min")],
)
def test_a_span_is_told_in_two_units(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_json_within_a_page_cannot_end_its_element() -> None:
    told = {"name": "</script><!--&amp;", "values": [1.5, None]}
    text = json_block(told)
    assert not set("<>&") & set(text)
    assert json.loads(text) == told


def test_json_within_a_page_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_block(float("nan"))


def test_templates_escape_and_refuse_what_they_do_not_know() -> None:
    environment = templates()
    assert environment.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        environment.from_string("{{ y }}").render(x=1)
