"""Keeps the latest table on the page, between two marks; people write the rest of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import Measured, markdown

BEGIN = "<!-- latest: written by make bench -->"
END = "<!-- end of latest -->"


def write_page(page: Path, lines: Sequence[Measured], details: Mapping[str, Any]) -> None:
    """Replace what stands between the marks of `page`; ValueError where they are not there."""
    before, mark, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(
            f"{page.name} has lost its marks; write {BEGIN} and {END} around the table"
        )
    facts = ", ".join(f"{name} {value}" for name, value in details["environment"].items())
    latest = f"\n{markdown(lines)}\n{facts}. {details['seconds']:.0f} s in all.\n"
    page.write_text(before + BEGIN + latest + END + after)
