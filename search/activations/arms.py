"""What is said of an arm of a study by its name alone, where its definition is not at hand."""

from __future__ import annotations

from search.activations.catalog import ACTIVATIONS, ActivationName

#: Less simple than any listed one: nobody but its author knows it.
_OWN = (100, 0)


def simplicity_of(arm: str) -> tuple[int, int]:
    """Return a key that sorts the simplest arm first; those of a person's own come last."""
    return ACTIVATIONS[ActivationName(arm)].simplicity if arm in ACTIVATIONS else _OWN


def title_of(arm: str) -> str:
    """Return the title of an arm for people; the name itself of one of a person's own."""
    return ACTIVATIONS[ActivationName(arm)].title if arm in ACTIVATIONS else arm
