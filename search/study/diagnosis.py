"""What is seen inside a network, and what it means: plain values, kept with a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSnapshot:
    """The hidden layers after `epoch` epochs, 0 being before the first step.

    `statistics` has one number a hidden layer under each name (see
    `search.engines.probe_schedule`), the layer next to the data first; mean over folds in a trial's
    record.
    """

    epoch: int
    statistics: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with a training, by a rule of `search.diagnostics.rules`."""

    #: Name of the rule.
    name: str
    #: The hidden layer concerned, counted from 1; None for the network as a whole.
    layer: int | None
    #: What was measured, with the threshold it was compared with.
    numbers: Mapping[str, float]
    sentence: str
    #: What to do, in words of the search space.
    remedy: str
