"""A segment on a GPU, in parts that its memory has room for.

What a lane needs is estimated from its sizes. Where the estimate was too low, or another process
has taken the memory, the part that ran out is trained again in halves: its lanes begin from the
states they had, so nothing is lost but time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from search.data.fold_arrays import TrainingData
from search.engines.minibatches import batch_plan
from search.errors import DeviceMemoryFull
from search.networks.lane import Lane
from search.training.scoring import LaneReport

if TYPE_CHECKING:
    from search.training.segment import Segment

#: Share of the free memory that a part may fill by the estimate: a stack of one step of one lane
#: more or less must fit beside what libraries and the graphs of steps take.
SHARE = 0.7


def train_in_parts(
    segment: Segment,
    data: TrainingData,
    train: Callable[[Segment, TrainingData], tuple[LaneReport, ...]],
    free_bytes: Callable[[], int],
) -> tuple[LaneReport, ...]:
    """Train `segment` by `train`, cut to what has room in `free_bytes`; reports keep their order.

    Raises DeviceMemoryFull where a lane alone runs out of memory.
    """
    needed = max(lane_bytes(lane, segment, data) for lane in segment.lanes)
    pending = deque(cut(segment, max(1, int(SHARE * free_bytes() / needed))))
    reports: list[LaneReport] = []
    while pending:
        part = pending.popleft()
        made = _tried(part, data, train)
        if made is None:
            if len(part.lanes) == 1:
                raise DeviceMemoryFull(_sentence(part.lanes[0]))
            torch.cuda.empty_cache()
            pending.extendleft(reversed(list(cut(part, -(-len(part.lanes) // 2)))))
        else:
            reports += made
    return tuple(reports)


def _tried(
    part: Segment,
    data: TrainingData,
    train: Callable[[Segment, TrainingData], tuple[LaneReport, ...]],
) -> tuple[LaneReport, ...] | None:
    """Return the reports, or None where memory ran out; the error's tensors are free by then."""
    try:
        return train(part, data)
    except torch.OutOfMemoryError:
        return None


def _sentence(lane: Lane) -> str:
    config = lane.config
    return (
        f"a network of {config.depth} layers of {config.width} units, in minibatches of "
        f"{config.batch_size} rows, has no room in the GPU's memory; choose a smaller width, depth "
        f"or batch_size, device cpu, or end other programs that use the GPU"
    )


def cut(segment: Segment, lanes: int) -> Iterator[Segment]:
    """Cut a segment into parts of at most `lanes` lanes, in order."""
    for first in range(0, len(segment.lanes), lanes):
        own = slice(first, first + lanes)
        yield replace(segment, lanes=segment.lanes[own], states=segment.states[own])


def lane_bytes(lane: Lane, segment: Segment, data: TrainingData) -> int:
    """Estimate the memory of a GPU that a lane needs among others, from above."""
    config, fold = lane.config, data.folds[lane.split]
    rows = batch_plan([len(f.x_train) for f in data.folds], config.batch_size).rows
    width, depth, inputs, outputs = config.width, config.depth, data.features_in, data.outputs
    weights = width * (inputs + (depth - 1) * width + outputs)
    vectors = outputs + depth * width * (3 + len(config.learned))
    # Values, gradients, two moments, the update, and one more for the norms of the gradient.
    parameters = 6 * (weights + vectors)
    noise = (config.dropout > 0) + config.row.noisy
    # Linear output, pre-activation, output, mask and dropout's output of each layer, and the
    # copies that a derivative by autograd makes; then what layers share.
    units = rows * width * (depth * (3 + 2 * noise) + 12)
    predictions = 4 * outputs * (len(fold.x_validation) + rows)
    numbers = parameters + units + 2 * rows * inputs + predictions
    dtype: torch.dtype = getattr(torch, segment.dtype)
    return numbers * dtype.itemsize


def free_cuda_bytes() -> int:
    """Return the memory of this process's GPU that is free, or kept by torch without use."""
    free, _ = torch.cuda.mem_get_info()
    return int(free) + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
