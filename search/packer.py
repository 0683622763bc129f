"""Which lanes are trained together: grouped by stack key, cut to a width, dearest first.

Packing follows the lanes alone, never the number of workers: results then do not depend on it
either, not even in the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby

from search.lane import Lane

#: Lanes of one stack. Wider stacks save little overhead and spill the cache.
STACK_WIDTH = 32


def pack(lanes: Sequence[Lane]) -> list[tuple[Lane, ...]]:
    """Cut `lanes` into stacks of equal key, the one that will take longest first."""
    ordered = sorted(lanes, key=_order)
    stacks = []
    for _, group in groupby(ordered, key=lambda lane: lane.config.stack_key):
        trials = [tuple(folds) for _, folds in groupby(group, key=lambda lane: lane.trial)]
        parts = -(-sum(map(len, trials)) // STACK_WIDTH)
        # Dealt out in turn, so that every part gets its share of deep networks; the folds of a
        # trial stay together, because the optimizer updates neighbours of one setting at once.
        stacks += [tuple(chain.from_iterable(trials[part::parts])) for part in range(parts)]
    return sorted(stacks, key=_cost, reverse=True)


def _order(lane: Lane) -> tuple[str, int, int, int]:
    return (str(lane.config.stack_key), -lane.config.depth, lane.trial, lane.fold)


def _cost(stack: tuple[Lane, ...]) -> int:
    return sum(lane.config.depth * lane.config.width**2 for lane in stack)
