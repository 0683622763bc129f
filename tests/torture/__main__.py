"""`make torture`: every row, printed as a table and kept as JSON and on the page beside it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.torture.rows import ROWS
from tests.torture.scales import FULL, SCALES

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BEGIN, END = "<!-- latest: written by make torture -->", "<!-- end of latest -->"


def main() -> None:
    """Measure the rows that are asked for; end with 1 where one is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default=FULL.name)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--keep", action="store_true", help="keep the folders of the services")
    arguments = parser.parse_args()
    scale, console = SCALES[arguments.scale], Console()
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "latest.json" if scale is FULL else folder / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in arguments.rows:
        began = time.monotonic()
        figure = ROWS[name].measure(scale, folder / name)
        took = round(time.monotonic() - began)
        results[name] = {
            "shown": figure.shown,
            "holds": figure.holds,
            "seconds": took,
            "machine": f"{psutil.cpu_count()} cores, Python {platform.python_version()}",
            "details": figure.details,
        }
        console.print(f"{name}: {figure.shown} ({took} s)", markup=False)
        path.write_text(json.dumps(results, indent=1) + "\n")
    console.print(table(results, f"make torture, {scale.name}"))
    if scale is FULL:
        write_page(HERE / "README.md", results)
    if not arguments.keep:
        _remove(folder)
    sys.exit(0 if all(results[name]["holds"] for name in arguments.rows) else 1)


def table(results: Mapping[str, Any], title: str) -> Table:
    """Return the results as a table for a terminal."""
    shown = Table("figure", "must", "is", "", title=title)
    for name, row in ROWS.items():
        if name in results:
            found = results[name]
            shown.add_row(row.title, row.must, found["shown"], "yes" if found["holds"] else "NO")
    return shown


def write_page(page: Path, results: Mapping[str, Any]) -> None:
    """Replace what stands between the marks of `page`."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = ["| figure | must | is | holds |", "| --- | --- | --- | --- |"]
    for name, row in ROWS.items():
        if name in results:
            found = results[name]
            holds = "yes" if found["holds"] else "**no**"
            lines.append(f"| {row.title} | {row.must} | {found['shown']} | {holds} |")
    latest = "\n" + "\n".join(lines) + "\n"
    page.write_text(before + BEGIN + latest + END + after)


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


if __name__ == "__main__":
    main()
