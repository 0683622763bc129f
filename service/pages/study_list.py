"""The list of studies: a line each, with its place in the queue and its winner in a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from search.analysis.figures.verdict_rows import verdict_rows

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """One study of the list."""

    #: As `GET /v1/studies/{id}`.
    study: Json
    #: Name of the dataset for people.
    dataset: str
    #: Studies that a worker takes first, and itself: 1 is next; None unless it is queued.
    queue_place: int | None
    #: Winner and outcome in a few words; empty before a verdict.
    winner: str


def winner_in_a_word(verdict: Json | None) -> str:
    """Return what a verdict came to in a few words; empty without one."""
    if verdict is None:
        return ""
    winner = verdict.get("winner")
    if winner is None:
        return "no winner"
    others = len(verdict.get("tied_with") or ())
    # The best among the tied need not be the one recommended.
    count = max(others, sum(row.arm != winner for row in _tied(verdict)))
    if verdict["outcome"] == "winner" or not count:
        return str(winner)
    return f"{winner}, {_OUTCOMES.get(verdict['outcome'], 'tied with')} {count} more"


def matches(study: Json, dataset: str, words: str) -> bool:
    """Whether every word of a person's search is in a study's name, id, dataset or state."""
    text = f"{study['name']} {study['id']} {study['dataset']} {dataset} {study['state']}".lower()
    return all(word in text for word in words.lower().split())


_OUTCOMES = {
    "equivalent": "equivalent to",
    "tied": "tied with",
    "undecided": "undecided against",
}


def _tied(verdict: Json) -> list[Any]:
    return [row for row in verdict_rows(verdict) if row.standing.value != "worse"]
