"""Terminal output: a progress bar, and tables of studies and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from search.study.results import Holdout, StudyResults, Verdict
from storage.rows.study_rows import StudyRow

#: The counts that a bar shows in each phase: finished, total.
_COUNTED = {
    "search": ("trials_finished", "trials_total"),
    "confirm": ("confirmations_finished", "confirmations_total"),
}


def progress_bar(*, quiet: bool = False) -> Progress:
    """Return a bar over the trainings of a phase, unseen if `quiet`; `show_progress` moves it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("best so far {task.fields[best]}"),
        disable=quiet,
    )


def show_progress(bar: Progress, task: TaskID, phase: str | None, now: Mapping[str, Any]) -> None:
    """Move `bar` to `now`, a study's progress by the names of the wire format, in `phase`."""
    finished, total = _COUNTED.get(phase or "search", _COUNTED["confirm"])
    bar.update(
        task,
        description=phase or "queued",
        completed=now[finished],
        total=now[total] or None,
        best=show_number(now["best_value"]),
        rate=f"{now['trials_per_second'] or 0.0:.1f} trials/s" if phase == "search" else "",
    )


#: From here on a number is shown in powers of ten.
_LARGE = 1e7


def show_number(value: float | None, digits: int = 4) -> str:
    """Return `value` to some significant digits, whole where it is large, or a dash."""
    if value is None:
        return "-"
    whole = 10**digits - 0.5 <= abs(value) < _LARGE
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"


def studies_table(rows: Sequence[StudyRow]) -> Table:
    """List studies, a line each."""
    # An id that is cut short cannot be used in a request.
    table = Table(Column("id", no_wrap=True), "name", "dataset", "state", "trials", "best")
    for row in rows:
        done = f"{row.progress.trials_finished}/{row.progress.trials_total}"
        best = show_number(row.progress.best_value)
        # As text: a name in brackets would be taken for markup.
        table.add_row(row.id, Text(row.name), Text(row.dataset), row.state, done, best)
    return table


def results_table(results: StudyResults) -> Group:
    """Show results: a row an activation, the best configuration, the verdict."""
    table = Table("activation", title="by activation, the best first")
    for heading in ("trials", "completed", "pruned", "failed", "best", "median"):
        table.add_column(heading, justify="right")
    for row in results.by_activation:
        counts = map(str, (row.trials, row.completed, row.pruned, row.failed))
        scores = map(show_number, (row.best_value, row.median_value))
        table.add_row(row.activation, *counts, *scores)
    best = results.best
    if best is None:
        return Group(table, Text("no trial has completed yet"))
    lines = [f"best configuration (trial {best.number}):"]
    lines += [f"  {name} = {_show(value)}" for name, value in best.params.items()]
    lines += [f"  validation {name}: {show_number(value)}" for name, value in best.metrics.items()]
    return Group(table, Text("\n".join(lines)), *_verdict(results.verdict))


def _verdict(verdict: Verdict | None) -> list[Table | Text]:
    """Show the scores of the confirmation and the test, and the sentence; nothing for None."""
    if verdict is None:
        return []
    metric = verdict.metric
    title = f"trained anew: {metric}, 95 % intervals, differences to the best"
    table = Table(verdict.question, title=title, box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("mean", "low", "high", "to best", "p", "would show"):
        table.add_column(heading, justify="right")
    for row in verdict.comparisons:
        numbers = (
            *(row.mean, row.ci_low, row.ci_high),
            *(row.difference, row.p_adjusted, row.detectable),
        )
        name = row.arm + ("*" if row.tied else "")
        table.add_row(name, *(show_number(number, 3) for number in numbers))
    table.caption = "* not shown to be worse than the best"
    shown: list[Table | Text] = [table]
    if verdict.test is not None:
        shown.append(_test_table(verdict.test, metric))
    return [*shown, Text(verdict.sentence, style="bold")]


def _test_table(test: Holdout, metric: str) -> Table:
    table = Table("predictor", title=f"{metric} on the held-out test rows", box=SIMPLE_HEAD)
    table.add_column("validation", justify="right")
    table.add_column("test", justify="right")
    for predictor, score in (
        ("winner", test.winner),
        ("baseline", test.baseline),
        ("linear", test.linear),
        ("trivial", test.trivial),
    ):
        if score is not None:
            table.add_row(predictor, show_number(score.validation_score), show_number(score.score))
    return table


def _show(value: object) -> str:
    return show_number(value) if isinstance(value, float) else str(value)
