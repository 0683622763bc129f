"""Notes say names and sentences as they are, whatever Markdown would make of them."""

from __future__ import annotations

import pytest

from service.pages.notes import escaped, trial_note


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b * c", r"a\_b \* c"),
        ("[x](javascript:alert(1))", r"\[x\]\(javascript:alert\(1\)\)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("one\n\n# two | three", r"one \# two \| three"),
        ("&lt;", r"\&lt;"),
    ],
)
def test_a_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_trial_that_failed_says_why() -> None:
    note = trial_note("st_1", 7, {"error": "the loss became NaN", "flags": "diverged"})
    assert note.startswith("the loss became NaN")
    assert "(/studies/st_1?trial=7)" in note
