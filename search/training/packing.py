"""Packing of lanes into stacks: grouped by stack key, cut to a width, the longest first.

Packing depends on the lanes and the device, never on the number of workers. So results do not
depend on that number either, not even in the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, groupby, pairwise

from search.networks.lane import KernelKey, Lane, StackKey
from search.training.device import Device

#: Device -> (most units a layer, lanes of one stack) in ascending order. A processor trains the
#: lanes of a stack one after another; they share the minibatches and the fixed cost of a segment.
#: Beyond these numbers more lanes hardly make a lane cheaper (see tests/benchmarks/README.md), and
#: leave workers without a stack. A GPU trains all lanes at once, and is the better filled the more
#: there are; `search.training.parts` cuts a stack that its memory has no room for.
_LANES: Mapping[str, tuple[tuple[int, int], ...]] = {
    Device.CPU: ((32, 16), (128, 8), (256, 4)),
    Device.CUDA: ((64, 1024), (128, 512), (256, 256), (512, 64), (1024, 16)),
}
_LANES_BEYOND = 1


def stack_width(units: int, device: Device = Device.CPU) -> int:
    """Return how many lanes with `units` units a layer one stack should hold on `device`."""
    return next((lanes for most, lanes in _LANES[device] if units <= most), _LANES_BEYOND)


def pack(
    lanes: Sequence[Lane], device: Device = Device.CPU, parts: int = 1
) -> list[tuple[Lane, ...]]:
    """Cut `lanes` into stacks of equal stack key, the stack with the most work first.

    Stacks are `parts` times narrower than one process alone would have them.

    Lanes of equal kernel key are neighbours, so that one call of a torch kernel activates many. The
    lanes of a configuration stay in one stack, because they take equally long. On a GPU a stack has
    one optimizer, so that one call updates all of its lanes.
    """
    stacks = []

    def key_on_device(lane: Lane) -> tuple[StackKey, str]:
        config = lane.config
        return config.stack_key, config.optimizer if device is Device.CUDA else ""

    in_order = sorted(lanes, key=lambda lane: (key_on_device(lane), _order(lane)))
    for (key, _), group in groupby(in_order, key=key_on_device):
        by_configuration = groupby(group, key=lambda lane: lane.configuration)
        bundles = [tuple(members) for _, members in by_configuration]
        width = max(1, stack_width(key.width, device) // parts)
        count = min(len(bundles), -(-sum(map(len, bundles)) // width))
        cuts = [len(bundles) * part // count for part in range(count + 1)]
        stacks += [tuple(chain.from_iterable(bundles[a:b])) for a, b in pairwise(cuts) if a < b]
    return sorted(stacks, key=stack_work, reverse=True)


def _order(lane: Lane) -> tuple[StackKey, KernelKey, int, int, int, int]:
    config = lane.config
    identity = (lane.configuration, lane.repeat, lane.fold)
    return (config.stack_key, config.kernel_key, -config.depth, *identity)


def stack_work(stack: tuple[Lane, ...]) -> int:
    """Return the multiplications of the hidden layers for one row, summed over lanes."""
    return sum(lane.config.depth * lane.config.width**2 for lane in stack)
