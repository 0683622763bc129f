"""The rows of a verdict, one an arm, whichever release of the service has written them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Standing(StrEnum):
    """What the comparison of an arm with the best one has shown."""

    BEST = "best"
    EQUIVALENT = "equivalent"
    UNTOLD = "untold"
    WORSE = "worse"

    @property
    def rank(self) -> int:
        """The place of the standing from the best, 0, to the worst."""
        return list(Standing).index(self)

    @property
    def words(self) -> str:
        """The standing as a table says it."""
        return _WORDS[self]

    @property
    def sign(self) -> str:
        """A sign that tells standings apart without colour."""
        return _SIGNS[self]


_WORDS = {
    Standing.BEST: "best mean",
    Standing.EQUIVALENT: "equivalent",
    Standing.UNTOLD: "cannot tell",
    Standing.WORSE: "worse",
}
_SIGNS = {
    Standing.BEST: "★",
    Standing.EQUIVALENT: "◆",
    Standing.UNTOLD: "○",
    Standing.WORSE: "▼",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One arm of the confirmation; numbers are None where they could not be computed."""

    arm: str
    standing: Standing
    mean: float | None
    ci_low: float | None
    ci_high: float | None
    worst_run: float | None
    #: This arm minus the best.
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p_adjusted: float | None
    #: The least difference to the best that would have been shown.
    detectable: float | None
    probability_best: float | None
    probability_equivalent: float | None
    repeats: int | None
    #: Whether the arms were tuned with unequal numbers of trials.
    unequal_tuning: bool


def verdict_rows(verdict: Mapping[str, Any] | None) -> tuple[VerdictRow, ...]:
    """Return the rows of a verdict in the wire format, the best first; none without a verdict."""
    if verdict is None:
        return ()
    best = verdict.get("best")
    return tuple(_read(row, best) for row in verdict.get("comparisons", ()))


def _read(row: Mapping[str, Any], best: object) -> VerdictRow:
    arm = str(row.get("arm", row.get("activation")))
    worst = row.get("worst")
    return VerdictRow(
        arm=arm,
        standing=_standing(row, is_best=arm == best),
        mean=row.get("mean"),
        ci_low=row.get("ci_low"),
        ci_high=row.get("ci_high"),
        worst_run=worst if isinstance(worst, float | int) else None,
        difference=row.get("difference"),
        difference_low=row.get("difference_low"),
        difference_high=row.get("difference_high"),
        p_adjusted=row.get("p_adjusted"),
        detectable=row.get("detectable"),
        probability_best=row.get("probability_best"),
        probability_equivalent=row.get("probability_equivalent"),
        repeats=row.get("repeats"),
        unequal_tuning=bool(row.get("unequal_tuning")),
    )


def _standing(row: Mapping[str, Any], *, is_best: bool) -> Standing:
    if is_best:
        return Standing.BEST
    if row.get("equivalent"):
        return Standing.EQUIVALENT
    # `tied` is the older word for what is not shown to be worse.
    is_worse = row["worse"] if row.get("worse") is not None else not row.get("tied", True)
    return Standing.WORSE if is_worse else Standing.UNTOLD
