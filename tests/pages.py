"""Writes the tables of API.md that the code knows best: `python -m tests.pages`.

A block begins with `<!-- fields: SCHEMA -->`, `<!-- axes -->` or `<!-- metrics -->` and ends with
`<!-- end -->`; what stands between is replaced. Everything else on the page is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from search.metrics import METRICS
from search.space import AXES
from search.space.axes import describe_axis
from service.api.app import create_app
from service.settings import Settings

PAGE = Path(__file__).parent.parent / "API.md"
BLOCK = re.compile(r"(<!-- (axes|metrics|fields: (\w+)) -->\n).*?(<!-- end -->)", re.DOTALL)

Json = Mapping[str, Any]


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of the service as it stands."""
    return create_app(Settings()).openapi()


def schemas() -> dict[str, Json]:
    """Return the schemas with fields, by name, without the form that FastAPI makes of an upload."""
    found = openapi()["components"]["schemas"]
    return {
        name: schema
        for name, schema in found.items()
        if "properties" in schema and not name.startswith("Body_")
    }


def rendered(text: str) -> str:
    """Return the page `text` with every block made anew."""

    def block(match: re.Match[str]) -> str:
        kind, schema = match[2], match[3]
        rows = {"axes": axes, "metrics": metrics}[kind]() if schema is None else fields(schema)
        return match[1] + "\n".join(rows) + "\n" + match[4]

    return BLOCK.sub(block, text)


def fields(name: str) -> Iterator[str]:
    """Yield the rows of a schema's table."""
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    for field, schema in schemas()[name]["properties"].items():
        yield f"| `{field}` | {type_of(schema)} | {meaning_of(schema)} |"


def axes() -> Iterator[str]:
    """Yield the rows of the axes that every configuration may have."""
    yield "| axis | values | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for row in AXES.values():
        if row.condition is not None and row.condition.axis == "activation":
            continue
        values = ", ".join(f"`{value}`" for value in row.choices)
        if row.bounds is not None:
            low, high = row.bounds
            values = f"{low:g} to {high:g}{', or null' if row.nullable else ''}"
        default = describe_axis(row.default)
        only = "" if row.condition is None else f"; only with {row.condition.value}"
        yield f"| `{row.name}` | {values} | {as_json(default)} | {row.description}{only} |"


def metrics() -> Iterator[str]:
    """Yield the rows of what may be an objective."""
    yield "| objective | better | tasks | meaning |"
    yield "| --- | --- | --- | --- |"
    for row in METRICS.values():
        better = {"minimize": "lower", "maximize": "higher"}[row.direction]
        tasks = ", ".join(sorted(row.tasks))
        yield f"| `{row.name}` | {better} | {tasks} | {row.description} |"


def type_of(schema: Json) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        target = _target(schema)
        if "enum" in target:
            return type_of(target)
        return f"[{target['title']}](#{target['title'].lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        parts = schema.get("anyOf") or schema["oneOf"]
        kinds = list(dict.fromkeys(type_of(part) for part in parts))
        return " or ".join(kinds)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return "value"
    if kind == "array":
        return f"list of {_nested(schema['items'])}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {_nested(values)}" if isinstance(values, Mapping) else "object"
    return "time" if schema.get("format") == "date-time" else str(kind)


def _target(schema: Json) -> Json:
    """Return the schema that `schema` refers to."""
    found: Json = openapi()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


def _nested(schema: Json) -> str:
    inner = type_of(schema)
    return f"({inner})" if " or " in inner else inner


def meaning_of(schema: Json) -> str:
    """Return what a field means, its limits and its default."""
    # A description that its schema has as well is said there only.
    known = _target(schema) if "$ref" in schema else {}
    parts = [
        str(schema.get("description", known.get("description", "")))
        .replace("|", "\\|")
        .replace("<", "\\<")
    ]
    bounds = {**next((p for p in schema.get("anyOf", ()) if "type" in p), {}), **schema}
    low = bounds.get("minimum", bounds.get("exclusiveMinimum"))
    high = bounds.get("maximum", bounds.get("exclusiveMaximum"))
    if low is not None and high is not None:
        above = "above " if "exclusiveMinimum" in bounds else ""
        parts.append(f"{above.capitalize()}{_number(low)} to {_number(high)}.")
    if "default" in schema and not isinstance(schema["default"], dict):
        parts.append(f"Default: {as_json(schema['default'])}.")
    return " ".join(part for part in parts if part)


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def as_json(value: object) -> str:
    """Return a value as it is written in a body."""

    return f"`{json.dumps(value)}`"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
