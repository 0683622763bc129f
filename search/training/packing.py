"""Which lanes are trained together: grouped by stack key, cut to a width, dearest first.

Packing follows the lanes and the device, never the number of workers: results then do not depend
on it either, not even in the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, groupby, pairwise

from search.networks.lane import KernelKey, Lane, StackKey
from search.training.device import Device

#: Device -> (units a layer up to which, lanes of one stack). On a processor lanes are trained one
#: after another and share the drawing of minibatches and what a segment costs once: from so many
#: lanes on, more make a lane hardly cheaper (see tests/benchmarks/README.md), and leave workers
#: without a stack. A GPU trains them together, and has them wait for each kernel's launch: there a
#: stack is as wide as a few hundred MiB of parameters and moments allow. That is not measured.
_LANES: Mapping[str, tuple[tuple[int, int], ...]] = {
    Device.CPU: ((32, 16), (128, 8), (256, 4)),
    Device.CUDA: ((128, 256), (512, 64), (1024, 16)),
}
_LANES_BEYOND = 1


def stack_width(units: int, device: Device = Device.CPU) -> int:
    """Return how many lanes of so many units a layer are best trained together."""
    return next((lanes for most, lanes in _LANES[device] if units <= most), _LANES_BEYOND)


def pack(lanes: Sequence[Lane], device: Device = Device.CPU) -> list[tuple[Lane, ...]]:
    """Cut `lanes` into stacks of equal key, the one that will take longest first.

    Lanes with the same kernel go side by side, so that few calls of torch's activate many. The
    folds of a trial stay together: they are of one length.
    """
    stacks = []
    for key, group in groupby(sorted(lanes, key=_order), key=lambda lane: lane.config.stack_key):
        trials = [tuple(folds) for _, folds in groupby(group, key=lambda lane: lane.trial)]
        parts = min(len(trials), -(-sum(map(len, trials)) // stack_width(key.width, device)))
        cuts = [len(trials) * part // parts for part in range(parts + 1)]
        stacks += [tuple(chain.from_iterable(trials[a:b])) for a, b in pairwise(cuts) if a < b]
    return sorted(stacks, key=stack_work, reverse=True)


def _order(lane: Lane) -> tuple[StackKey, KernelKey, int, int, int]:
    config = lane.config
    return (config.stack_key, config.kernel_key, -config.depth, lane.trial, lane.fold)


def stack_work(stack: tuple[Lane, ...]) -> int:
    """Return about how many multiplications a row passes through."""
    return sum(lane.config.depth * lane.config.width**2 for lane in stack)
