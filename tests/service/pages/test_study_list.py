"""A study in a line: what its verdict came to, and whether a search finds it."""

from __future__ import annotations

from typing import Any

import pytest

from service.pages.study_list import matches, winner_in_a_word


def verdict(outcome: str, winner: str | None, *tied_with: str) -> dict[str, Any]:
    return {"outcome": outcome, "winner": winner, "tied_with": list(tied_with), "comparisons": []}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, ""),
        (verdict("winner", "silu"), "silu"),
        (verdict("tied", "relu", "elu", "gelu"), "relu, tied with 2 more"),
        (verdict("equivalent", "relu", "elu"), "relu, equivalent to 1 more"),
        (verdict("undecided", "relu", "elu"), "relu, undecided against 1 more"),
        (verdict("undecided", None), "no winner"),
    ],
)
def test_a_verdict_in_a_word(found: dict[str, Any] | None, words: str) -> None:
    assert winner_in_a_word(found) == words


@pytest.mark.parametrize(
    ("words", "is_found"),
    [("", True), ("PLANTS which", True), ("st_1", True), ("iris done", True), ("wine", False)],
)
def test_a_search_finds_all_its_words_wherever_they_stand(words: str, is_found: bool) -> None:
    study = {"name": "Plants, which?", "id": "st_1", "dataset": "ds_9", "state": "done"}
    assert matches(study, "iris", words) is is_found
