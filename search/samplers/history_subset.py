"""The subset of a long history that a sampler gets, so that late proposals cost as much as early.

TPE looks at every finished trial at every proposal: 15 ms each after 500 trials, 119 ms after
5,000, more than the training of a small network. It needs the best few exactly (at most 25 make up
its model of good configurations); of the others it needs the density only, and a sample has the
same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.metrics import Direction

#: Share of the subset that the best trials take; the others are spread evenly over the history.
_BEST = 0.25


class HistorySubset:
    """All finished trials of a study, of which `select` returns at most `size`.

    `directions` are those of the objectives, in the order of a trial's values.
    """

    def __init__(self, size: int, directions: Sequence[Direction]) -> None:
        self.size = size
        self._signs = np.array([1.0 if way is Direction.MINIMIZE else -1.0 for way in directions])
        self._trials: list[FrozenTrial] = []
        #: Indices of the best among the first `_ranked` trials.
        self._best: list[int] = []
        self._ranked = 0

    def add(self, trial: FrozenTrial) -> None:
        """Add a finished trial to the history."""
        self._trials.append(trial)

    def select(self) -> list[FrozenTrial]:
        """Return the best trials and an even sample of the others, in the order of the history."""
        if len(self._trials) <= self.size:
            return list(self._trials)
        self._rank()
        best = set(self._best)
        others = [index for index in range(len(self._trials)) if index not in best]
        even = np.linspace(0, len(others) - 1, self.size - len(best)).round().astype(int)
        chosen = best | {others[index] for index in even}
        return [self._trials[index] for index in sorted(chosen)]

    def _rank(self) -> None:
        """Find the best trials: those that the fewest others dominate, the earlier ones first.

        Only the best so far and the trials added since then are compared, since a trial that was
        not among the best cannot become one of them.
        """
        indices = [*self._best, *range(self._ranked, len(self._trials))]
        indices = [i for i in indices if self._trials[i].state is TrialState.COMPLETE]
        self._ranked = len(self._trials)
        values = np.array([self._trials[i].values for i in indices], dtype=np.float64)
        values = values.reshape(len(indices), len(self._signs)) * self._signs
        no_worse = (values[:, None] <= values[None]).all(2)
        better = (values[:, None] < values[None]).any(2)
        dominated_by = (no_worse & better).sum(0)
        order = np.argsort(dominated_by, kind="stable")[: int(_BEST * self.size)]
        self._best = [indices[i] for i in order]
