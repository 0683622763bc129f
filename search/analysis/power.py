"""What a study could have shown of a difference, and what would show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from search.analysis.confirmation_table import ConfirmationTable
from search.analysis.error_model import POWER, Difference
from search.analysis.looks import ALPHA, Review

#: More repeats, searches or times the rows than these are not proposed.
MOST_REPEATS, MOST_SEARCHES, MOST_ROWS = 100, 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What would show a difference as observed with probability POWER, each alone.

    None where not even the most would.
    """

    #: The least true difference that the study shows with that probability; more is better.
    detectable: float
    #: More repeats, more searches of each arm, and times as many rows.
    repeats: int | None
    searches: int | None
    rows: int | None


def needs_of(difference: Difference, table: ConfirmationTable, found: Review) -> Needs:
    """Return the needs of the comparison of an arm with the best.

    The level is that of the last look, counted for the arms that are still open.
    """
    alpha = ALPHA / (found.weight * max(1, len(found.open)))
    repeats, whole = table.repeats, difference.variance
    noise = whole * difference.noise
    searches = sum(part.variance for part in difference.searches)
    had = max((len(arm.networks) for arm in table.arms), default=1)

    def least(first: int, most: int, variance: Callable[[int], float]) -> int | None:
        if not isfinite(whole) or difference.estimate <= 0.0:
            return None
        for number in range(first, most + 1):
            if difference.power(alpha, variance=variance(number)) >= POWER:
                return number
        return None

    more_repeats = least(repeats + 1, MOST_REPEATS, lambda n: whole - noise + noise * repeats / n)
    more_searches = least(had + 1, MOST_SEARCHES, lambda n: whole - searches + searches * had / n)
    return Needs(
        detectable=difference.detectable(alpha),
        repeats=None if more_repeats is None else more_repeats - repeats,
        searches=None if more_searches is None else more_searches - had,
        rows=least(2, MOST_ROWS, lambda n: whole - difference.rows.variance * (1.0 - 1.0 / n)),
    )
