"""Which lanes are trained together: grouped by stack key, cut to a width, dearest first.

Packing follows the lanes alone, never the number of workers: results then do not depend on it
either, not even in the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby, pairwise

from search.lane import KernelKey, Lane, StackKey

#: Lanes of one stack. Wider ones save little, spill the cache, and leave workers without one.
STACK_WIDTH = 16


def pack(lanes: Sequence[Lane]) -> list[tuple[Lane, ...]]:
    """Cut `lanes` into stacks of equal key, the one that will take longest first.

    Lanes with the same kernel go side by side, so that few calls activate many. The folds of a
    trial stay together, because the optimizer updates neighbours of one setting at once.
    """
    stacks = []
    for _, group in groupby(sorted(lanes, key=_order), key=lambda lane: lane.config.stack_key):
        trials = [tuple(folds) for _, folds in groupby(group, key=lambda lane: lane.trial)]
        parts = -(-sum(map(len, trials)) // STACK_WIDTH)
        cuts = [len(trials) * part // parts for part in range(parts + 1)]
        stacks += [tuple(chain.from_iterable(trials[a:b])) for a, b in pairwise(cuts) if a < b]
    return sorted(stacks, key=_cost, reverse=True)


def _order(lane: Lane) -> tuple[StackKey, KernelKey, int, int, int]:
    config = lane.config
    return (config.stack_key, config.kernel_key, -config.depth, lane.trial, lane.fold)


def _cost(stack: tuple[Lane, ...]) -> int:
    return sum(lane.config.depth * lane.config.width**2 for lane in stack)
