"""What the pages of one study are made of, as the API answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from search.analysis.figures import (
    FIGURES,
    FigureName,
    StudyView,
    VerdictRow,
    draw_figures,
    layer_figure,
    verdict_rows,
)
from search.analysis.figures.style import Figure, short
from search.exports.catalog import FORMATS

Json: TypeAlias = Mapping[str, Any]

#: A page shows the best of more trials than this, so that a browser stays quick.
MOST_TRIALS = 1000


@dataclass(frozen=True, kw_only=True)
class StudyDocument:
    """One study with its results and trials, all in the wire format."""

    #: As `GET /v1/studies/{id}`.
    study: Json
    #: As `GET results`.
    results: Json
    #: As the items of `GET trials`, the best first; at most MOST_TRIALS.
    trials: Sequence[Json]
    #: As `GET trials/{number}`: the best trial of each arm.
    bests: Sequence[Json]
    #: As `GET /v1/datasets/{id}`; None where the dataset was deleted.
    dataset: Json | None
    #: Name of the first objective.
    metric: str

    @cached_property
    def view(self) -> StudyView:
        """The study as the figures read it."""
        return StudyView(
            results={**self.results, "metric": self.metric}, trials=self.trials, bests=self.bests
        )

    @cached_property
    def figures(self) -> dict[FigureName, Figure]:
        """The figures that can be drawn now."""
        return draw_figures(self.view)

    @property
    def is_cut(self) -> bool:
        """Whether the study has more trials than `trials` holds."""
        return len(self.trials) >= MOST_TRIALS

    @property
    def rows(self) -> tuple[VerdictRow, ...]:
        """The rows of the verdict, the best first; none before it."""
        return verdict_rows(self.results["verdict"])

    @property
    def layer_figures(self) -> dict[str, Figure]:
        """Number of a trial in `bests` -> the figure of its layers."""
        drawn = {str(trial["number"]): layer_figure(trial) for trial in self.bests}
        return {number: figure for number, figure in drawn.items() if figure is not None}

    @property
    def headline(self) -> str:
        """The first sentence to read: the verdict's, or how far the study is."""
        verdict = self.results["verdict"]
        if verdict is not None:
            return str(verdict["sentence"])
        state = self.study["state"]
        if state == "failed":
            return f"The study failed: {self.study['error']}"
        if self.study["error"] is not None:
            return f"The study waits: {self.study['error']}.{self._lead()}"
        return f"{_STANDS[state]}{self._lead()}"

    @property
    def clauses(self) -> tuple[str, ...]:
        """What the headline says, a point each, and what else is said of the network.

        The sentences of a verdict are long: on a page the first point is read at once, and the
        others one by one. Whoever joins them has the sentence again.
        """
        told = self.headline.split(_BETWEEN)
        network = (self.results["verdict"] or {}).get("network")
        more = network["sentence"].split(_BETWEEN) if network else []
        known = {_plain(clause) for clause in told}
        return (*told, *(clause for clause in more if _plain(clause) not in known))

    def _lead(self) -> str:
        best = self.results["best"]
        if best is None:
            return " No trial has completed yet."
        return (
            f" So far {best['activation']} leads with {self.view.metric_words} "
            f"{short(best['values'][0])} (trial {best['number']}); the leader of a search has had "
            "luck on its side, so this is no verdict."
        )

    def values(self) -> dict[str, Any]:
        """Return what the templates of a study read."""
        return {
            "document": self,
            "study": self.study,
            "results": self.results,
            "verdict": self.results["verdict"],
            "figure_rows": tuple(FIGURES.values()),
            "figures": self.figures,
            "layer_figures": self.layer_figures,
            "formats": FORMATS,
        }


#: What stands between the clauses of a sentence.
_BETWEEN = "; "

_STANDS = {
    "queued": "Waiting for a worker.",
    "running": "The search is under way.",
    "paused": "The study is paused.",
    "completed": "The study has ended without a verdict, as it was asked to confirm nothing.",
    "cancelled": "The study was cancelled before its verdict; what was found is kept.",
}


def _plain(clause: str) -> str:
    """Return a clause as it reads within a sentence."""
    return clause.rstrip(".").casefold()
