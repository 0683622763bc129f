"""`make bench-verdict`: runs the rows one by one, keeps each study, prints the table.

Studies that are kept already are not run again, so a run can be stopped and gone on with; seeds are
fixed. `--rows` chooses rows, `--scale quick` a few studies of each, `--folder` names a folder with
the sets that are not shipped, `--calibrate` prints the gap of the made sets at some bends.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console
from rich.progress import track

from search.training.executors import local_pool
from tests.benchmarks.verdict.rows import BESIDE, ROWS, Context
from tests.benchmarks.verdict.sets import smooth
from tests.benchmarks.verdict.studies import study

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE / "README.md"
BEGIN, END = "<!-- latest: written by make bench-verdict -->", "<!-- end of latest -->"


def main() -> None:
    """Run the rows that are asked for and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--scale", choices=("full", "quick"), default="full")
    parser.add_argument("--seeds", type=int, help="so many seeds of each row instead")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--calibrate", action="store_true")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    console = Console()
    RESULTS.mkdir(exist_ok=True)
    with local_pool(arguments.processes) as executor:
        context = Context(executor=executor, folder=arguments.folder)
        if arguments.calibrate:
            _calibrate(console, context)
            return
        for name in arguments.rows:
            row = ROWS[name]
            if (row.needs_folder and context.folder is None) or not row.needs():
                continue
            count = arguments.seeds or (row.quick if arguments.scale == "quick" else row.seeds)
            path = RESULTS / f"{name}.json"
            kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
            missing = [seed for seed in range(count) if str(seed) not in kept]
            for seed in track(missing, name, console=console, transient=True):
                kept[str(seed)] = row.make(seed, context)
                path.write_text(json.dumps(kept, indent=1) + "\n")
            console.print(f"{name}: {row.shown(list(kept.values()))}", markup=False)
    write_page(PAGE, records())


def records() -> dict[str, list[dict[str, Any]]]:
    """Return the kept studies of every row, in order of their seeds."""
    found = {}
    for name in ROWS:
        path = RESULTS / f"{name}.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        found[name] = [kept[seed] for seed in sorted(kept, key=int)]
    return found


def write_page(page: Path, kept: Mapping[str, list[dict[str, Any]]]) -> None:
    """Replace what stands between the marks of `page`."""
    lines = ["| figure | floor | goal | is |", "| --- | --- | --- | --- |"]
    for name, row in ROWS.items():
        if kept[name]:
            lines.append(f"| {row.title} | {row.floor} | {row.goal} | {row.shown(kept[name])} |")
    for title, (name, shown, floor, goal) in BESIDE.items():
        if kept[name]:
            lines.append(f"| {title} | {floor} | {goal} | {shown(kept[name])} |")
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text("\n".join([before + BEGIN, *lines, END + after]))


def _calibrate(console: Console, context: Context) -> None:
    """Print how far a linear network is behind, by bend and number of rows."""
    for rows in (1_500, 5_000):
        for bend in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4):
            found = study(
                smooth(rows, bend, 0), ("relu", "identity"), 0, context.executor, trials=40
            )
            arms = found["arms"]
            gap = arms["identity"]["mean"] / arms["relu"]["mean"] - 1.0
            console.print(f"{rows} rows, bend {bend}: {100 * gap:.0f} %")


if __name__ == "__main__":
    main()
