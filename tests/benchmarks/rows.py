"""The table of the benchmark: what must be reached, and how a measurement compares with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table


def times(value: float) -> str:
    """Show a ratio."""
    return f"{value:.3g}x"


def percent(value: float) -> str:
    """Show a share."""
    return f"{100 * value:.3g} %"


def milliseconds(value: float) -> str:
    """Show milliseconds."""
    return f"{value:.3g} ms"


def gibibytes(value: float) -> str:
    """Show bytes."""
    return f"{value / 2**30:.3g} GiB"


def standard_errors(value: float) -> str:
    """Show a difference in units of its standard error."""
    return f"{value:+.2g} SE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: a quantity with a floor that must and a goal that should be reached."""

    name: str
    title: str
    show: Callable[[float], str]
    floor: float | None = None
    goal: float | None = None
    #: Whether smaller numbers are better.
    least: bool = False

    def verdict(self, value: float) -> str:
        """Tell which of the two `value` reaches."""
        if self.floor is None or self.goal is None or math.isnan(value):
            return ""
        sign = -1.0 if self.least else 1.0
        if sign * value >= sign * self.goal:
            return "goal"
        return "floor" if sign * value >= sign * self.floor else "below"


_LINES = (
    Row(name="vs_a", title="equal work, no pruning, against A", show=times, floor=12, goal=30),
    Row(name="vs_b", title="equal work, no pruning, against B", show=times, floor=3.5, goal=8),
    Row(name="vs_c", title="equal work, no pruning, against C", show=times),
    Row(name="vs_d", title="equal work, no pruning, against D, on D's part", show=times),
    Row(
        name="to_score_alike",
        title="time to the score A ends with, pruners on, against A; both after nothing else",
        show=times,
        floor=15,
        goal=40,
    ),
    Row(
        name="score_alike",
        title="best score's median above A's (lower is better), A's standard errors",
        show=standard_errors,
        floor=1.0,
        goal=0.0,
        least=True,
    ),
    Row(
        name="to_score_fair",
        title="the same time, ours as by default: a fair share for every activation",
        show=times,
        floor=15,
        goal=40,
    ),
    Row(
        name="score_fair",
        title="the same score, ours as by default",
        show=standard_errors,
        floor=1.0,
        goal=0.0,
        least=True,
    ),
    Row(
        name="outside",
        title="time outside training segments, long study of the reference work",
        show=percent,
        floor=0.15,
        goal=0.05,
        least=True,
    ),
    Row(
        name="outside_default",
        title="the same as by default: 3 folds, pruning",
        show=percent,
        floor=0.15,
        goal=0.05,
        least=True,
    ),
    Row(
        name="outside_short",
        title="the same with pruning, but one fold: the shortest trials",
        show=percent,
        floor=0.15,
        goal=0.05,
        least=True,
    ),
    Row(
        name="database",
        title="database cost a trial, less than RDBStorage's",
        show=times,
        floor=20,
        goal=100,
    ),
    Row(
        name="arithmetic",
        title="useful arithmetic rate in a segment, share of torch.bmm's",
        show=percent,
        floor=0.25,
        goal=0.5,
    ),
    Row(
        name="arithmetic_torch",
        title="the same by the torch engine, on one core too",
        show=percent,
    ),
    Row(
        name="vs_e",
        title="networks of one shape on one core, against JAX vmap",
        show=times,
        floor=1.3,
        goal=1.5,
    ),
    Row(
        name="late",
        title="cost of a late trial against an early one",
        show=times,
        floor=2.0,
        goal=1.2,
        least=True,
    ),
    Row(
        name="polling",
        title="GET /results p99, two workers training, clients polling",
        show=milliseconds,
        floor=100,
        goal=30,
        least=True,
    ),
    Row(
        name="memory",
        title="peak memory of the long study, all processes",
        show=gibibytes,
        floor=2 * 2**30,
        goal=2**30,
        least=True,
    ),
)
ROWS: dict[str, Row] = {row.name: row for row in _LINES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A row's value, and in words what it was made of."""

    row: str
    value: float
    how: str


def cells(measured: Measured) -> tuple[str, str, str, str, str, str]:
    """Title, floor, goal, value, verdict, how."""
    row = ROWS[measured.row]
    floor, goal = ("-" if limit is None else row.show(limit) for limit in (row.floor, row.goal))
    value = "-" if math.isnan(measured.value) else row.show(measured.value)
    return (row.title, floor, goal, value, row.verdict(measured.value), measured.how)


HEADINGS = ("", "floor", "goal", "measured", "reached", "how")
_STYLES: Mapping[str, str] = {"goal": "green", "floor": "yellow", "below": "red"}


def table(lines: Sequence[Measured], title: str) -> Table:
    """Return the lines for a terminal, which is too narrow for how they were measured."""
    made = Table(*HEADINGS[:-1], title=title)
    for line in lines:
        *shown, reached, _ = cells(line)
        made.add_row(*shown, reached, style=_STYLES.get(reached))
    return made


def markdown(lines: Sequence[Measured]) -> str:
    """Return the lines for a page."""
    head = [HEADINGS, ("---",) * len(HEADINGS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [*head, *map(cells, lines)]) + "\n"
