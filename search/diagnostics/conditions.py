"""The conditions under which the rules of `search.diagnostics.rules` apply: pure functions.

A condition takes the evidence of a training and the thresholds of its rule; it returns a
measurement, or None where nothing is wrong. Numbers outside the tables of thresholds are counts or
units.
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
    #: Mean loss of the epochs since the evaluation before, one entry an evaluation.
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
class Measurement:
    """Numbers by name that a condition measured, and the hidden layer, counted from 1."""

    numbers: Mapping[str, float]
    layer: int | None = None


Condition: TypeAlias = Callable[[TrainingEvidence, Thresholds], Measurement | None]


def diverged(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a loss that is no finite number, or far above that of any network that learns."""
    most = thresholds["loss_over_chance_at_the_end" if evidence.complete else "loss_over_chance"]
    if evidence.failure is not None:
        return Measurement({"loss_over_chance": nan})
    over = evidence.unexplained
    return Measurement({"loss_over_chance": over}) if evidence.train_loss and over > most else None


def dead_layer(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a layer whose units are all dead."""
    return _worst(evidence, "dead_units", thresholds["dead_units"])


def born_dead(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for units that are dead before the first step."""
    if not evidence.layers or evidence.layers[0].epoch != 0:
        return None
    return _worst(evidence, "dead_units", thresholds["dead_units"], place=0)


def dying_units(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for units that were alive at first and are dead now."""
    first, last = evidence.statistic("dead_units", 0), evidence.statistic("dead_units")
    died = [now - then for then, now in zip(first, last, strict=True)]
    worst = max(range(len(died)), key=died.__getitem__, default=None)
    if worst is None or not died[worst] >= thresholds["died"]:
        return None
    return Measurement({"dead_units": last[worst], "at_first": first[worst]}, worst + 1)


def stuck_at_chance(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a training loss equal to that of a constant, with no sign that it will move.

    The loss alone decides once all epochs are made. Before that, the last two of at least three
    evaluations must be flat, and the steps or the gradient of the first layer too small to leave a
    plateau: deep sigmoid networks start late, but do start.
    """
    low, high = thresholds["chance_at_least"], thresholds["chance_at_most"]
    measured = Measurement({"loss_over_chance": evidence.unexplained})
    if evidence.complete:
        return measured if low <= evidence.unexplained <= high else None
    recent = [loss / evidence.chance for loss in evidence.train_loss[-2:]]
    if len(evidence.train_loss) < 3 or not all(low <= loss <= high for loss in recent):
        return None
    if recent[1] < thresholds["still_falling"] * recent[0]:
        return None
    ratio, step = _gradient_ratio(evidence), max(evidence.statistic("update_ratio"), default=inf)
    hopeless = step < thresholds["update_ratio"] or ratio < thresholds["gradient_ratio"]
    return measured if hopeless else None


def exploding_gradients(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a gradient norm, at any snapshot, far above those of networks that learn."""
    peaks = [
        (norm, layer, snapshot.epoch)
        for snapshot in evidence.layers
        for layer, norm in enumerate(snapshot.statistics["gradient_norm"], 1)
        if norm > thresholds["gradient_norm"]
    ]
    if not peaks:
        return None
    norm, layer, epoch = max(peaks)
    return Measurement({"gradient_norm": norm, "epoch": epoch}, layer)


def vanishing_gradients(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a gradient that fades towards the first layer, or is gone with much to learn.

    Deep rectifier networks with weights too small show the second: the signal fades on its way up
    as the gradient does on its way down, and their product is equally small in all layers.
    """
    norms = evidence.statistic("gradient_norm")
    if not norms:
        return None
    ratio = _gradient_ratio(evidence)
    numbers = {"gradient_ratio": ratio, "first_layer": norms[0], "last_layer": norms[-1]}
    faded = (
        max(norms) < thresholds["gradient_norm"]
        and evidence.unexplained > thresholds["loss_over_chance"]
    )
    return Measurement(numbers, 1) if ratio < thresholds["gradient_ratio"] or faded else None


def saturation(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for units of a two-sided function on its flat parts, with much to learn."""
    if evidence.unexplained < thresholds["loss_over_chance"] or not _is_sigmoidal(
        str(evidence.params["activation"])
    ):
        return None
    return _worst(evidence, "saturated", thresholds["saturated"])


def dead_learning_rate(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for optimizer steps that are all too small, with much to learn."""
    steps = [max(s.statistics["update_ratio"], default=nan) for s in evidence.layers]
    largest = max(steps, default=inf)
    if not (
        largest < thresholds["update_ratio"]
        and evidence.unexplained > thresholds["loss_over_chance"]
    ):
        return None
    return Measurement({"update_ratio": largest, "loss_over_chance": evidence.unexplained})


def slope_collapsed(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a learned parameter at a value that makes the activation another function."""
    for name, places in _DEGENERATE.items():
        first, last = evidence.statistic(name, 0), evidence.statistic(name)
        for layer, (then, now) in enumerate(zip(first, last, strict=True), 1):
            for place in places:
                near = abs(now - place) < thresholds["distance"]
                if near and abs(then - place) >= thresholds["distance_at_first"]:
                    return Measurement(
                        {"value": now, "at_first": then, "collapsed_to": place}, layer
                    )
    return None


def overfitting(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a validation loss well above its least, and a training loss far below."""
    if not (evidence.complete and len(evidence.validation_loss) > 2):
        return None
    train, validation = evidence.train_loss[-1], evidence.validation_loss[-1]
    least = min(evidence.validation_loss)
    rise = validation / least if least > 0 else 1.0
    gap = validation / train if train > 0 else inf
    if not (rise > thresholds["rise"] and gap > thresholds["gap"]):
        return None
    return Measurement({"rise": rise, "train_loss": train, "validation_loss": validation})


def underfitting(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a high training loss that was still falling at the end."""
    losses, left = evidence.train_loss, evidence.unexplained
    low, high = thresholds["loss_over_chance"], thresholds["loss_over_chance_at_most"]
    if not (evidence.complete and len(losses) > 2 and low < left < high):
        return None
    before = losses[-1 - max(1, len(losses) // 3)]
    fall = 1.0 - losses[-1] / before if before > 0 else 0.0
    if not fall > thresholds["fall"]:
        return None
    return Measurement({"loss_over_chance": left, "fall": fall})


#: Learned parameter -> values at which the activation is no longer itself.
_DEGENERATE: Mapping[str, tuple[float, ...]] = {"slope": (0.0, 1.0), "beta": (0.0,)}


def _worst(
    evidence: TrainingEvidence, name: str, least: float, place: int = -1
) -> Measurement | None:
    values = evidence.statistic(name, place)
    worst = max(range(len(values)), key=values.__getitem__, default=None)
    if worst is None or not values[worst] >= least:
        return None
    return Measurement({name: values[worst]}, worst + 1)


def _gradient_ratio(evidence: TrainingEvidence) -> float:
    """Gradient norm of the first layer over the last's; 1 where it says nothing."""
    norms = evidence.statistic("gradient_norm")
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
