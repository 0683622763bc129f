"""What a person sees in a terminal: progress, and tables of studies and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from storage.study_rows import StudyRow


def progress_bar() -> Progress:
    """Return a bar over trials; update its task with `best` and `rate` as text fields."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("best so far {task.fields[best]}"),
    )


def show_number(value: float | None) -> str:
    """Four significant digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"


def studies_table(rows: Sequence[StudyRow]) -> Table:
    """List studies, a line each."""
    table = Table("id", "name", "dataset", "state", "trials", "best")
    for row in rows:
        done = f"{row.progress.trials_finished}/{row.progress.trials_total}"
        best = show_number(row.progress.best_value)
        table.add_row(row.id, row.name, row.dataset, row.state, done, best)
    return table


def results_table(document: Mapping[str, Any]) -> Group:
    """Show a results document: a row an activation, then the best configuration."""
    table = Table("activation", title="by activation, the best first")
    for heading in ("trials", "completed", "pruned", "failed", "best", "median"):
        table.add_column(heading, justify="right")
    for row in document["by_activation"]:
        counts = [str(row[name]) for name in ("trials", "completed", "pruned", "failed")]
        scores = [show_number(row["best_value"]), show_number(row["median_value"])]
        table.add_row(row["activation"], *counts, *scores)
    best = document["best"]
    if best is None:
        return Group(table, Text("no trial has completed yet"))
    lines = [f"best configuration (trial {best['number']}):"]
    lines += [f"  {name} = {_show(value)}" for name, value in best["params"].items()]
    metrics = best.get("metrics", {})
    lines += [f"  validation {name}: {show_number(value)}" for name, value in metrics.items()]
    verdict = document.get("verdict")
    lines += ["", verdict["sentence"]] if verdict else []
    return Group(table, Text("\n".join(lines)))


def _show(value: object) -> str:
    return show_number(value) if isinstance(value, float) else str(value)
