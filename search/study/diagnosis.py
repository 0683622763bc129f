"""Layer statistics and the findings drawn from them: plain values, kept with a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSnapshot:
    """Statistics of the hidden layers at one epoch; means over the folds in a trial's record."""

    #: Epochs trained, 0 being before the first step.
    epoch: int
    #: One number a hidden layer under each name (see `search.engines.probe_schedule`), the layer
    #: next to the data first.
    statistics: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem of a training, found by a rule of `search.diagnostics.rules`."""

    #: Name of the rule.
    name: str
    #: The hidden layer concerned, counted from 1; None for the network as a whole.
    layer: int | None
    #: The measurements, with the thresholds they were compared with, by name.
    numbers: Mapping[str, float]
    #: The problem, a sentence.
    sentence: str
    #: Advice in terms of the search space, a sentence.
    remedy: str
