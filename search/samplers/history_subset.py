"""Which of thousands of finished trials a sampler is shown, so that a late proposal costs no more.

TPE looks at every trial it knows again at every proposal: 15 ms each after 500 trials, 119 ms after
5,000, more than the training of a small network. It needs the best few exactly (at most 25 make up
its model of good configurations) and the others only as a density, which a sample gives as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.metrics import Direction

#: Share of the memory that the best trials take; the others are spread evenly over the history.
_BEST = 0.25


class HistorySubset:
    """All finished trials; `recall` gives at most `size` of them."""

    def __init__(self, size: int, directions: Sequence[Direction]) -> None:
        self.size = size
        self._signs = np.array([1.0 if way is Direction.MINIMIZE else -1.0 for way in directions])
        self._trials: list[FrozenTrial] = []
        #: Places of the best among the first `_ranked` trials.
        self._best: list[int] = []
        self._ranked = 0

    def add(self, trial: FrozenTrial) -> None:
        """Take in one more finished trial."""
        self._trials.append(trial)

    def recall(self) -> list[FrozenTrial]:
        """Return the best trials and an even sample of the others, in the order they came."""
        if len(self._trials) <= self.size:
            return list(self._trials)
        self._rank()
        best = set(self._best)
        others = [place for place in range(len(self._trials)) if place not in best]
        even = np.linspace(0, len(others) - 1, self.size - len(best)).round().astype(int)
        places = best | {others[place] for place in even}
        return [self._trials[place] for place in sorted(places)]

    def _rank(self) -> None:
        """Order by how many others are better in every objective; only newcomers can move up."""
        places = [*self._best, *range(self._ranked, len(self._trials))]
        places = [p for p in places if self._trials[p].state is TrialState.COMPLETE]
        self._ranked = len(self._trials)
        values = np.array([self._trials[p].values for p in places]).reshape(len(places), -1)
        values = values * self._signs
        no_worse = (values[:, None] <= values[None]).all(2)
        better = (values[:, None] < values[None]).any(2)
        ranks = (no_worse & better).sum(0)
        order = np.argsort(ranks, kind="stable")[: int(_BEST * self.size)]
        self._best = [places[i] for i in order]
