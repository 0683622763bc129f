"""Numbers of one metric in words: rounded to what is known of them, with a unit."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10

from search.analysis.region import is_share
from search.metrics import Direction, Metric

#: Powers of ten of an uncertainty between which numbers are written without an exponent.
_LEAST_DIGIT, _GREATEST_DIGIT = -7, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWords:
    """Words for scores and differences of one metric; a share is told in percentage points."""

    metric: Metric

    @property
    def name(self) -> str:
        """The title of the metric within a sentence."""
        title = self.metric.title
        # R² and F1 stay as they are.
        return title[:1].lower() + title[1:] if title[1:2].islower() else title

    def gain(self, difference: float) -> float:
        """Return a difference turned so that more is better."""
        return difference if self.metric.direction is Direction.MAXIMIZE else -difference

    def number(self, value: float, reach: float) -> str:
        """Return `value` as text, to the second digit of `reach`, its uncertainty."""
        scale = 100.0 if is_share(self.metric) else 1.0
        size = abs(reach) * scale
        digit = floor(log10(size)) if size > 0.0 and isfinite(size) else 0
        if value != 0.0 and not _LEAST_DIGIT <= digit <= _GREATEST_DIGIT:
            digits = floor(log10(abs(value * scale))) - digit + 1
            return f"{value * scale:.{max(0, digits)}e}"
        shown = f"{value * scale:.{max(0, 1 - digit)}f}"
        return shown.lstrip("-") if float(shown) == 0.0 else shown

    def amount(self, value: float, reach: float | None = None) -> str:
        """Return a difference with its unit, such as "0.8 points" or "0.012 in log loss"."""
        number = self.number(value, value if reach is None else reach)
        return f"{number} points" if is_share(self.metric) else f"{number} in {self.name}"

    def interval(self, value: float, low: float, high: float) -> str:
        """Return a difference with its interval, such as "0.8 points [0.3, 1.3]"."""
        reach = (high - low) / 2.0 or abs(value)
        ends = f"[{self.number(low, reach)}, {self.number(high, reach)}]"
        if is_share(self.metric):
            return f"{self.number(value, reach)} points {ends}"
        return f"{self.number(value, reach)} {ends} in {self.name}"

    def score(self, value: float, reach: float) -> str:
        """Return a score, such as "97.2 %" or "0.091"."""
        number = self.number(value, reach)
        return f"{number} %" if is_share(self.metric) else number
