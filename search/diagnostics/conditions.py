"""The symptoms by which the rules of `search.diagnostics.rules` are told: pure functions.

A symptom takes a case and the thresholds of its rule, and returns what it measured, or None where
nothing is wrong. Every number that is not in a table of thresholds is a count or a unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, nan
from typing import TypeAlias

import numpy as np

from search.activations import get_activation
from search.study import LayerSnapshot, ParamValue

Thresholds: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEvidence:
    """A training as far as it has come: one lane, or a trial by its means over folds."""

    params: Mapping[str, ParamValue]
    layers: Sequence[LayerSnapshot]
    #: One entry an evaluation; the losses of the epochs since the one before, in the mean.
    train_loss: Sequence[float]
    validation_loss: Sequence[float]
    #: Loss of the best constant prediction, see `chance_loss`.
    chance: float
    #: Whether the last epoch is made.
    complete: bool
    #: Why the engine gave it up; None where it did not.
    failure: str | None = None

    @property
    def unexplained(self) -> float:
        """The last training loss over that of chance; infinite where there is none."""
        return self.train_loss[-1] / self.chance if self.train_loss and self.chance else inf

    def statistic(self, name: str, place: int = -1) -> tuple[float, ...]:
        """One statistic of the snapshot at `place`, a number a layer; empty where not taken."""
        return self.layers[place].statistics.get(name, ()) if self.layers else ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a symptom saw: numbers by name, and the hidden layer, counted from 1."""

    numbers: Mapping[str, float]
    layer: int | None = None


Condition: TypeAlias = Callable[[TrainingEvidence, Thresholds], Measured | None]


def diverged(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a loss that is no number, or beyond what any network at work has."""
    most = limit["loss_over_chance_at_the_end" if case.complete else "loss_over_chance"]
    if case.failure is not None:
        return Measured({"loss_over_chance": nan})
    over = case.unexplained
    return Measured({"loss_over_chance": over}) if case.train_loss and over > most else None


def dead_layer(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a layer whose units are all dead."""
    return _worst(case, "dead_units", limit["dead_units"])


def born_dead(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for units that are dead before the first step."""
    if not case.layers or case.layers[0].epoch != 0:
        return None
    return _worst(case, "dead_units", limit["dead_units"], place=0)


def dying_units(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for units that were alive at first and are dead now."""
    first, last = case.statistic("dead_units", 0), case.statistic("dead_units")
    died = [now - then for then, now in zip(first, last, strict=True)]
    worst = max(range(len(died)), key=died.__getitem__, default=None)
    if worst is None or not died[worst] >= limit["died"]:
        return None
    return Measured({"dead_units": last[worst], "at_first": first[worst]}, worst + 1)


def stuck_at_chance(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a training loss that is that of a constant, and that nothing suggests will move.

    A finished training needs no more than the loss. One under way must have been flat for the last
    two evaluations of at least three, and take steps too small or carry too little gradient to its
    first layer to leave a plateau: deep sigmoid networks start late, but do start.
    """
    low, high = limit["chance_at_least"], limit["chance_at_most"]
    measured = Measured({"loss_over_chance": case.unexplained})
    if case.complete:
        return measured if low <= case.unexplained <= high else None
    recent = [loss / case.chance for loss in case.train_loss[-2:]]
    if len(case.train_loss) < 3 or not all(low <= loss <= high for loss in recent):
        return None
    if recent[1] < limit["still_falling"] * recent[0]:
        return None
    ratio, step = _gradient_ratio(case), max(case.statistic("update_ratio"), default=inf)
    hopeless = step < limit["update_ratio"] or ratio < limit["gradient_ratio"]
    return measured if hopeless else None


def exploding_gradients(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a gradient, at any snapshot, beyond what networks that learn have."""
    peaks = [
        (norm, layer, snapshot.epoch)
        for snapshot in case.layers
        for layer, norm in enumerate(snapshot.statistics["gradient_norm"], 1)
        if norm > limit["gradient_norm"]
    ]
    if not peaks:
        return None
    norm, layer, epoch = max(peaks)
    return Measured({"gradient_norm": norm, "epoch": epoch}, layer)


def vanishing_gradients(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a gradient that fades towards the first layer, or is gone with much to learn.

    The second happens to deep rectifier networks with weights too small: the signal fades on its
    way up as the gradient does on its way down, and their product is equally small in all layers.
    """
    norms = case.statistic("gradient_norm")
    if not norms:
        return None
    ratio = _gradient_ratio(case)
    numbers = {"gradient_ratio": ratio, "first_layer": norms[0], "last_layer": norms[-1]}
    faded = max(norms) < limit["gradient_norm"] and case.unexplained > limit["loss_over_chance"]
    return Measured(numbers, 1) if ratio < limit["gradient_ratio"] or faded else None


def saturation(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for units of a two-sided function on its flat parts, with much to learn."""
    if case.unexplained < limit["loss_over_chance"] or not _is_sigmoidal(
        str(case.params["activation"])
    ):
        return None
    return _worst(case, "saturated", limit["saturated"])


def dead_learning_rate(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for steps that are all too small, with much to learn."""
    steps = [max(s.statistics["update_ratio"], default=nan) for s in case.layers]
    largest = max(steps, default=inf)
    if not (largest < limit["update_ratio"] and case.unexplained > limit["loss_over_chance"]):
        return None
    return Measured({"update_ratio": largest, "loss_over_chance": case.unexplained})


def slope_collapsed(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a learned parameter that has moved to where the activation is another one."""
    for name, places in _DEGENERATE.items():
        first, last = case.statistic(name, 0), case.statistic(name)
        for layer, (then, now) in enumerate(zip(first, last, strict=True), 1):
            for place in places:
                near = abs(now - place) < limit["distance"]
                if near and abs(then - place) >= limit["distance_at_first"]:
                    return Measured({"value": now, "at_first": then, "collapsed_to": place}, layer)
    return None


def overfitting(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a validation loss well above its least, and a training loss far below."""
    if not (case.complete and len(case.validation_loss) > 2):
        return None
    train, validation = case.train_loss[-1], case.validation_loss[-1]
    least = min(case.validation_loss)
    rise = validation / least if least > 0 else 1.0
    gap = validation / train if train > 0 else inf
    if not (rise > limit["rise"] and gap > limit["gap"]):
        return None
    return Measured({"rise": rise, "train_loss": train, "validation_loss": validation})


def underfitting(case: TrainingEvidence, limit: Thresholds) -> Measured | None:
    """Look for a high training loss that was still falling at the end."""
    losses, left = case.train_loss, case.unexplained
    low, high = limit["loss_over_chance"], limit["loss_over_chance_at_most"]
    if not (case.complete and len(losses) > 2 and low < left < high):
        return None
    before = losses[-1 - max(1, len(losses) // 3)]
    fall = 1.0 - losses[-1] / before if before > 0 else 0.0
    if not fall > limit["fall"]:
        return None
    return Measured({"loss_over_chance": left, "fall": fall})


#: Learned parameter -> values at which the activation is no longer itself.
_DEGENERATE: Mapping[str, tuple[float, ...]] = {"slope": (0.0, 1.0), "beta": (0.0,)}


def _worst(case: TrainingEvidence, name: str, least: float, place: int = -1) -> Measured | None:
    values = case.statistic(name, place)
    worst = max(range(len(values)), key=values.__getitem__, default=None)
    if worst is None or not values[worst] >= least:
        return None
    return Measured({name: values[worst]}, worst + 1)


def _gradient_ratio(case: TrainingEvidence) -> float:
    """Gradient norm of the first layer over the last's; 1 where it says nothing."""
    norms = case.statistic("gradient_norm")
    usable = len(norms) > 1 and norms[-1] > 0 and all(map(isfinite, norms))
    return norms[0] / norms[-1] if usable else 1.0


@lru_cache(maxsize=64)
def _is_sigmoidal(activation: str) -> bool:
    """Whether f is flat far out on both sides, but not on a whole half (relu6 is)."""
    row = get_activation(activation)
    z = np.array([-1001.0, -1000.0, -0.5, 0.5, 1000.0, 1001.0])
    left, middle, right = np.abs(np.diff(row.function(z, row.numbers({}))))[[0, 2, 4]]
    near = row.function(np.array([-0.5, 0.0]), row.numbers({}))
    return bool(max(left, right) < 0.01 < middle and near[0] != near[1])
