"""The template environment: everything is escaped, an unknown name is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from search.analysis.figures import verdict_rows
from search.analysis.figures.style import short
from service.pages.static_files import static_url

#: Seconds of a unit, and its name, the longest first.
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


@cache
def templates() -> Environment:
    """Return the environment of all templates."""
    environment = Environment(
        loader=PackageLoader("service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "short": _short,
        "json_block": json_block,
        "age": age,
        "duration": duration,
        "words": _words,
    }
    environment.globals |= {"static": static_url, "verdict_rows": verdict_rows}
    return environment


def render(name: str, values: Mapping[str, Any]) -> str:
    """Return the template `name` filled with `values`."""
    return templates().get_template(name).render(values)


def json_block(value: object) -> Markup:
    """Return `value` as JSON to stand in a script element that is never run.

    Without `<`, `>` and `&`, no text within can end the element or begin a comment.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above # nosec B704


def age(then: str | datetime | None, now: datetime | None = None) -> str:
    """Return how long ago `then`, RFC 3339 or a datetime, was: "3 minutes ago"; "" for None."""
    if then is None:
        return ""
    when = datetime.fromisoformat(then) if isinstance(then, str) else then
    seconds = ((now or datetime.now(UTC)) - when).total_seconds()
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """Return a span of time in words, as "2 min 5 s"; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3_600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3_600:.0f} h {seconds % 3_600 // 60:.0f} min"


def _short(value: Any, digits: int = 3) -> str:
    """Return a number in short, and any other value as it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return str(value)
    return str(value) if isinstance(value, int) else short(value, digits)


def _words(name: str) -> str:
    """Return a name of the wire format as words."""
    return name.replace("_", " ")
