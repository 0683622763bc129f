"""`make bench`: all rows, printed as a table and kept as JSON and on the page beside it."""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from service.logs import quieten_optuna
from tests.benchmarks.curves import draw_curves
from tests.benchmarks.measure import measure
from tests.benchmarks.page import write_page
from tests.benchmarks.peers import PEERS
from tests.benchmarks.rows import ROWS, Measured, table
from tests.benchmarks.scales import FULL, QUICK, SMOKE
from tests.benchmarks.scores import show_scores

RESULTS = Path(__file__).parent / "results"
_SCALES = {scale.name: scale for scale in (FULL, QUICK, SMOKE)}
_PACKAGES = ("torch", "optuna", "numpy", "scikit-learn", "sqlalchemy", "ray", "optuna-integration")


def main() -> None:
    """Measure and report, or draw the scaling curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=_SCALES, default=FULL.name)
    parser.add_argument("--peers", default="".join(PEERS), help="letters of the peers to run")
    parser.add_argument("--curves", action="store_true", help="draw scaling curves instead")
    parser.add_argument("--scores", action="store_true", help="compare scores without pruning")
    arguments = parser.parse_args()
    quieten_optuna()
    console = Console()
    scale = _SCALES[arguments.scale]
    if arguments.scores:
        show_scores(scale, RESULTS, console)
        return
    if arguments.curves:
        draw_curves(RESULTS, console)
        return
    letters = "".join(
        letter for letter in arguments.peers if letter in PEERS and not PEERS[letter].missing
    )
    started = time.perf_counter()
    lines: list[Measured] = []
    details: dict[str, Any] = {"scale": scale.name, "environment": environment()}
    for rows, detail in measure(scale, letters):
        lines += rows
        details |= detail
        for row in rows:
            console.print(f"{row.row}: {ROWS[row.row].show(row.value)}  ({row.how})")
    details["seconds"] = time.perf_counter() - started
    details["rows"] = {line.row: line.value for line in lines}
    order = list(ROWS)
    lines.sort(key=lambda line: order.index(line.row))
    console.print(table(lines, f"{scale.name}, {details['seconds']:.0f} s in all"))
    name = "latest" if scale is FULL else scale.name
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(details, indent=1) + "\n")
    if scale is FULL:
        write_page(Path(__file__).parent / "README.md", lines, details)


def environment() -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    """Name the processor; Linux tells it in a file, elsewhere the architecture must do."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        ]
        if cpuinfo.exists()
        else []
    )
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


if __name__ == "__main__":
    main()
