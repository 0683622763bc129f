"""How often something took how long: a histogram that many processes fill and one adds up.

A worker serves nothing that could be asked for its measurements, so it stores them with its
heartbeat, as JSON.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from threading import Lock

#: Upper bounds in seconds: of a segment, and of the wait for the database.
SEGMENT_BOUNDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
WAIT_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)


class Measurements:
    """Counts of seconds within bounds; safe to share between threads."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._lock = Lock()
        self.total = 0.0

    @property
    def count(self) -> int:
        """How many were added."""
        return sum(self._counts)

    def add(self, seconds: float) -> None:
        """Count one measurement."""
        with self._lock:
            self._counts[bisect_left(self._bounds, seconds)] += 1
            self.total += seconds

    def add_stored(self, text: str) -> None:
        """Add what another process stored; what was stored with other bounds is left out."""
        stored = json.loads(text)
        if tuple(stored["bounds"]) != self._bounds:
            return
        with self._lock:
            self._counts = [a + b for a, b in zip(self._counts, stored["counts"], strict=True)]
            self.total += stored["total"]

    def stored(self) -> str:
        """Return JSON that `add_stored` reads."""
        with self._lock:
            value = {"bounds": self._bounds, "counts": self._counts, "total": self.total}
            return json.dumps(value)

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many were at most that), as Prometheus has it."""
        names = [str(bound) for bound in self._bounds] + ["+Inf"]
        return [(name, float(n)) for name, n in zip(names, accumulate(self._counts), strict=True)]
