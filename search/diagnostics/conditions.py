"""The conditions under which the rules of `search.diagnostics.rules` apply: pure functions.

A condition takes the evidence of a training and the thresholds of its rule; it returns a
measurement, or None where nothing is wrong. Numbers outside the tables of thresholds are counts or
units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, nan
from typing import TypeAlias

import numpy as np

from search.activations import ACTIVATIONS, get_activation
from search.diagnostics.evidence import TrainingEvidence

Thresholds: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Numbers by name that a condition measured, and the hidden layer, counted from 1."""

    numbers: Mapping[str, float]
    layer: int | None = None
    #: Which of the rule's further sentences fits; None for its usual one.
    variant: str | None = None


Condition: TypeAlias = Callable[[TrainingEvidence, Thresholds], Measurement | None]


def diverged(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a loss that is no finite number, or far above that of any network that learns."""
    most = thresholds["loss_over_chance_at_the_end" if evidence.complete else "loss_over_chance"]
    if evidence.failure is not None:
        return Measurement({}, variant="no_number")
    losses, over = evidence.train_loss, evidence.unlearned
    if not losses or not over > most:
        return None
    # A network that was hardly trained may have begun above that: its loss falls, if slowly.
    risen = losses[-1] > losses[0] or over > thresholds["loss_over_chance"]
    return Measurement({"loss_over_chance": over}) if risen else None


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
    """Look for a loss no better than that of a constant, with no sign that it will fall.

    The losses alone decide once all epochs are made. Before that, the last two of at least three
    evaluations must be flat, and the steps or the gradient of the first layer too small to leave a
    plateau: deep sigmoid networks start late, but do start.
    """
    low, high = thresholds["chance_at_least"], thresholds["chance_at_most"]
    if evidence.complete:
        left = evidence.unlearned
        return Measurement({"loss_over_chance": left}) if low <= left < inf else None
    recent = [loss / evidence.chance for loss in evidence.train_loss[-2:]]
    if len(evidence.train_loss) < 3 or not all(low <= loss <= high for loss in recent):
        return None
    if recent[1] < thresholds["still_falling"] * recent[0]:
        return None
    ratio, step = _gradient_ratio(evidence), max(evidence.statistic("update_ratio"), default=inf)
    hopeless = step < thresholds["update_ratio"] or ratio < thresholds["gradient_ratio"]
    return Measurement({"loss_over_chance": recent[1]}) if hopeless else None


def exploding_gradients(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a gradient norm, at any snapshot, that is no finite number or far too large."""
    peaks = [
        (norm if isfinite(norm) else inf, layer, snapshot.epoch)
        for snapshot in evidence.layers
        for layer, norm in enumerate(snapshot.statistics["gradient_norm"], 1)
        if not norm <= thresholds["gradient_norm"]
    ]
    if not peaks:
        return None
    norm, layer, epoch = max(peaks)
    if isfinite(norm):
        return Measurement({"gradient_norm": norm, "epoch": epoch}, layer)
    return Measurement({"epoch": epoch}, layer, "no_number")


def fading_signal(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for activations that shrink from layer to layer until they tell the rows apart no more.

    The gradient need not betray it: in deep rectifier networks with weights too small it is equally
    small in every layer.
    """
    if evidence.unlearned < thresholds["loss_over_chance"]:
        return None
    for place in (0, -1):
        spreads = evidence.statistic("activation_std", place)
        if len(spreads) < 2 or not spreads[0] > 0:
            continue
        ratio = spreads[-1] / spreads[0]
        if ratio < thresholds["spread_ratio"]:
            epoch = evidence.layers[place].epoch
            return Measurement(
                {"spread_ratio": ratio, "last_layer": spreads[-1], "epoch": epoch}, len(spreads)
            )
    return None


def vanishing_gradients(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a gradient that fades towards the first layer, or is gone with much to learn.

    The gradients of the first step count where little has been learned since: a network that
    started so may show an even gradient at the end, when all of its layers have stopped.
    """
    if not evidence.layers:
        return None
    left = evidence.unlearned
    little = left > thresholds["loss_over_chance"]
    places = (-1, 0) if left > thresholds["loss_over_chance_since_the_first_step"] else (-1,)
    for place in places:
        norms, ratio = evidence.statistic("gradient_norm", place), _gradient_ratio(evidence, place)
        faded = little and max(norms) < thresholds["gradient_norm"]
        if ratio < thresholds["gradient_ratio"] or faded:
            numbers = {
                "gradient_ratio": ratio,
                "first_layer": norms[0],
                "last_layer": norms[-1],
                "epoch": evidence.layers[place].epoch,
            }
            return Measurement(numbers, 1)
    return None


def saturation(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for units of a two-sided function on its flat parts, with much to learn."""
    if evidence.unlearned < thresholds["loss_over_chance"] or not _is_sigmoidal(
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
    return Measurement({"update_ratio": largest, "loss_over_chance": evidence.unlearned})


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
    """Look for rows learned by heart: a low training loss that the validation loss did not follow.

    Either the validation loss rose well above its least, or of what was learned of the training
    rows, in loss below that of a constant, less than a share holds for the validation rows.
    """
    if not (evidence.complete and len(evidence.validation_loss) > 2 and evidence.chance > 0):
        return None
    train, validation = evidence.train_loss[-1], evidence.validation_loss[-1]
    least = min(evidence.validation_loss)
    rise = validation / least if least > 0 else 1.0
    gap = validation / train if train > 0 else inf
    if rise > thresholds["rise"] and gap > thresholds["gap"]:
        return Measurement({"rise": rise, "train_loss": train, "validation_loss": validation})
    if train > thresholds["memorized"] * evidence.chance:
        return None
    share = (evidence.chance - validation) / (evidence.chance - train)
    if share >= thresholds["share_that_holds"]:
        return None
    numbers = {"share": max(share, 0.0), "train_loss": train, "validation_loss": validation}
    return Measurement(numbers, variant="memorized")


def underfitting(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a loss still high, and still falling, at the last epoch."""
    fall, left = _late_fall(evidence), evidence.unlearned
    low, high = thresholds["loss_over_chance"], thresholds["loss_over_chance_at_most"]
    if fall is None or not low < left < high or not fall > thresholds["fall"]:
        return None
    return Measurement({"loss_over_chance": left, "fall": fall})


def stalled(evidence: TrainingEvidence, thresholds: Thresholds) -> Measurement | None:
    """Look for a loss that has stopped falling while it is high, on training rows and others alike.

    A validation loss well above the training loss tells that there is no lack of capacity.
    """
    fall, left = _late_fall(evidence), evidence.unlearned
    low, high = thresholds["loss_over_chance"], thresholds["loss_over_chance_at_most"]
    if fall is None or not low < left < high or fall > thresholds["fall"]:
        return None
    if evidence.validation_loss[-1] > thresholds["gap"] * evidence.train_loss[-1]:
        return None
    return Measurement({"loss_over_chance": left})


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


def _gradient_ratio(evidence: TrainingEvidence, place: int = -1) -> float:
    """Gradient norm of the first layer over the last's at a snapshot; 1 where it says nothing."""
    norms = evidence.statistic("gradient_norm", place)
    usable = len(norms) > 1 and norms[-1] > 0 and all(map(isfinite, norms))
    return norms[0] / norms[-1] if usable else 1.0


def _late_fall(evidence: TrainingEvidence) -> float | None:
    """Share by which the training loss fell over the last third; None where that is not known."""
    losses = evidence.train_loss
    if not (evidence.complete and len(losses) > 2):
        return None
    before = losses[-1 - max(1, len(losses) // 3)]
    return 1.0 - losses[-1] / before if before > 0 else 0.0


@lru_cache(maxsize=64)
def _is_sigmoidal(activation: str) -> bool:
    """Whether f is flat far out on both sides, but not on a whole half (relu6 is)."""
    if activation not in ACTIVATIONS:  # a person's own, which is not at hand here
        return False
    row = get_activation(activation)
    z = np.array([-1001.0, -1000.0, -0.5, 0.5, 1000.0, 1001.0])
    left, middle, right = np.abs(np.diff(row.function(z, row.numbers({}))))[[0, 2, 4]]
    near = row.function(np.array([-0.5, 0.0]), row.numbers({}))
    return bool(max(left, right) < 0.01 < middle and near[0] != near[1])
