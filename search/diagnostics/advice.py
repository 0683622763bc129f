"""Remedies in words of the search space: one row an advice, each a change that can be made.

A change names the axes and the values, or the epochs, that its text speaks of: the benchmark of
cures (`tests/benchmarks/cures.py`) makes it and trains again, and advice that cures less often than
not is not given. An advice is left out where the configuration follows it already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

from search.activations import ActivationName
from search.diagnostics.evidence import TrainingEvidence
from search.space.initializers import InitializerName
from search.study import ParamValue

#: Advices given for one finding at most, the best first.
MOST_ADVICES = 3

#: Length of a first step over the norm of its weight, in the layer where it is largest, with which
#: networks of this size train well: Karpathy's rule of thumb (CS231n) is 1e-3 in mid-training, and
#: first steps of Adam are several times longer than its later ones.
_USUAL_STEP = 1e-2
#: The advised rate differs from the old by these factors at least and at most.
_LEAST_FACTOR, _MOST_FACTOR = 3.0, 1000.0
#: The largest rate worth advising, by optimizer.
_MOST_RATE = {"adamw": 0.03, "sgd": 0.3}

_RELU_LIKE = (ActivationName.RELU, ActivationName.RELU6)
_TWO_SIDED = (
    ActivationName.SIGMOID,
    ActivationName.TANH,
    ActivationName.SOFTSIGN,
    ActivationName.HARDTANH,
)


class Advice(StrEnum):
    """Keys of the table below."""

    LOWER_RATE = "lower_rate"
    RAISE_RATE = "raise_rate"
    CLIP = "clip"
    SCALED_INITIALIZER = "scaled_initializer"
    LSUV = "lsuv"
    SELU = "selu"
    LEAKY = "leaky"
    ELU = "elu"
    ONE_SIDED = "one_sided"
    NORMALIZE = "normalize"
    SHALLOWER = "shallower"
    WIDER = "wider"
    ADAM = "adam"
    DECAY = "decay"
    DROPOUT = "dropout"
    LESS_DROPOUT = "less_dropout"
    FEWER_EPOCHS = "fewer_epochs"
    MORE_EPOCHS = "more_epochs"
    SMALLER = "smaller"
    FIXED_SLOPE = "fixed_slope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One advice for one training: its text, and the change that the text speaks of."""

    text: str
    #: New values of axes.
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    #: New number of epochs; None keeps it.
    epochs: int | None = None


def _number(evidence: TrainingEvidence, axis: str) -> float:
    value = evidence.params.get(axis)
    return float(value) if isinstance(value, int | float) else 0.0


def _largest_step(evidence: TrainingEvidence) -> float | None:
    """Return the longest first step over its weight's norm; None where it was not measured."""
    steps = [step for step in evidence.statistic("update_ratio", 0) if isfinite(step) and step > 0]
    return max(steps, default=None)


def _set_rate(rate: float) -> Change:
    rate = float(f"{rate:.1g}")
    return Change(text=f"set learning_rate to {rate:g}", params={"learning_rate": rate})


def _lower_rate(evidence: TrainingEvidence) -> Change | None:
    step = _largest_step(evidence)
    factor = 10.0 if step is None else step / _USUAL_STEP
    if step is not None and factor < 1.0:
        return None
    return _set_rate(
        _number(evidence, "learning_rate") / min(max(factor, _LEAST_FACTOR), _MOST_FACTOR)
    )


def _raise_rate(evidence: TrainingEvidence) -> Change | None:
    step = _largest_step(evidence)
    factor = 10.0 if step is None else _USUAL_STEP / step
    if step is not None and factor < 1.0:
        return None
    rate = _number(evidence, "learning_rate")
    most = _MOST_RATE[str(evidence.params["optimizer"])]
    new = min(most, rate * min(max(factor, _LEAST_FACTOR), _MOST_FACTOR))
    return _set_rate(new) if new > rate else None


def _clip(evidence: TrainingEvidence) -> Change | None:
    if evidence.params.get("gradient_clip") is not None:
        return None
    return Change(text="set gradient_clip to 1.0", params={"gradient_clip": 1.0})


def _initializer(name: InitializerName, why: str) -> Callable[[TrainingEvidence], Change | None]:
    def change(evidence: TrainingEvidence) -> Change | None:
        if evidence.params["initializer"] == name:
            return None
        return Change(
            text=f"use the initializer {name.value}, {why}", params={"initializer": name.value}
        )

    return change


def _selu(evidence: TrainingEvidence) -> Change | None:
    params: dict[str, ParamValue] = {"activation": "selu", "initializer": "lecun_normal"}
    if all(evidence.params[axis] == value for axis, value in params.items()):
        return None
    return Change(text="use selu with lecun_normal", params=params)


def _other_activation(
    name: ActivationName, instead_of: Sequence[ActivationName], why: str
) -> Callable[[TrainingEvidence], Change | None]:
    def change(evidence: TrainingEvidence) -> Change | None:
        if evidence.params["activation"] not in instead_of:
            return None
        return Change(text=f"use {name.value}, {why}", params={"activation": name.value})

    return change


def _normalize(evidence: TrainingEvidence) -> Change | None:
    if evidence.params.get("normalization") != "none":
        return None
    return Change(text="set normalization to batch", params={"normalization": "batch"})


def _shallower(evidence: TrainingEvidence) -> Change | None:
    depth = int(_number(evidence, "depth"))
    if depth <= 3:
        return None
    less = max(2, depth // 3)
    return Change(text=f"set depth to {less}", params={"depth": less})


def _wider(evidence: TrainingEvidence) -> Change:
    width = max(32, 4 * int(_number(evidence, "width")))
    return Change(text=f"set width to {width}", params={"width": width})


def _smaller(evidence: TrainingEvidence) -> Change | None:
    width, depth = int(_number(evidence, "width")), int(_number(evidence, "depth"))
    if width <= 8:
        return None
    params: dict[str, ParamValue] = {"width": width // 4, "depth": min(depth, 2)}
    return Change(
        text=f"use a smaller network, width {width // 4} and depth {min(depth, 2)}", params=params
    )


def _adam(evidence: TrainingEvidence) -> Change | None:
    if evidence.params.get("optimizer") == "adamw":
        return None
    return Change(
        text="use the optimizer adamw with learning_rate 0.003",
        params={"optimizer": "adamw", "learning_rate": 0.003},
    )


def _decay(evidence: TrainingEvidence) -> Change | None:
    decay = _number(evidence, "weight_decay")
    more = float(f"{max(1e-1, 10 * decay):.1g}")
    if more > 1.0:
        return None
    return Change(text=f"raise weight_decay to {more:g}", params={"weight_decay": more})


def _dropout(evidence: TrainingEvidence) -> Change | None:
    dropout = _number(evidence, "dropout")
    if dropout >= 0.5:
        return None
    return Change(text="raise dropout to 0.5", params={"dropout": 0.5})


def _less_dropout(evidence: TrainingEvidence) -> Change | None:
    if _number(evidence, "dropout") <= 0:
        return None
    return Change(text="set dropout to 0", params={"dropout": 0.0})


def _fewer_epochs(evidence: TrainingEvidence) -> Change | None:
    losses = evidence.validation_loss
    if not (evidence.evaluated_at and losses):
        return None
    best = evidence.evaluated_at[min(range(len(losses)), key=losses.__getitem__)]
    if best >= evidence.epochs:
        return None
    return Change(text=f"train for {best} epochs instead of {evidence.epochs}", epochs=best)


def _more_epochs(evidence: TrainingEvidence) -> Change:
    more = 3 * evidence.epochs
    return Change(text=f"train for {more} epochs instead of {evidence.epochs}", epochs=more)


def _fixed_slope(evidence: TrainingEvidence) -> Change | None:
    fixed = {
        "prelu": Change(
            text="use leaky_relu, whose slope stays", params={"activation": "leaky_relu"}
        ),
        "silu": Change(text="set silu_learned to false", params={"silu_learned": False}),
    }
    return fixed.get(str(evidence.params["activation"]))


_ROWS: dict[Advice, Callable[[TrainingEvidence], Change | None]] = {
    Advice.LOWER_RATE: _lower_rate,
    Advice.RAISE_RATE: _raise_rate,
    Advice.CLIP: _clip,
    Advice.SCALED_INITIALIZER: _initializer(
        InitializerName.SCALED_ORTHOGONAL, "which takes the activation's gain into account"
    ),
    Advice.LSUV: _initializer(InitializerName.LSUV, "which measures each layer on training rows"),
    Advice.SELU: _selu,
    Advice.LEAKY: _other_activation(
        ActivationName.LEAKY_RELU, _RELU_LIKE, "which passes a gradient where ReLU passes none"
    ),
    Advice.ELU: _other_activation(
        ActivationName.ELU, _RELU_LIKE, "which passes a gradient where ReLU passes none"
    ),
    Advice.ONE_SIDED: _other_activation(
        ActivationName.GELU, _TWO_SIDED, "which saturates on one side only"
    ),
    Advice.NORMALIZE: _normalize,
    Advice.SHALLOWER: _shallower,
    Advice.WIDER: _wider,
    Advice.SMALLER: _smaller,
    Advice.ADAM: _adam,
    Advice.DECAY: _decay,
    Advice.DROPOUT: _dropout,
    Advice.LESS_DROPOUT: _less_dropout,
    Advice.FEWER_EPOCHS: _fewer_epochs,
    Advice.MORE_EPOCHS: _more_epochs,
    Advice.FIXED_SLOPE: _fixed_slope,
}


def change(advice: Advice, evidence: TrainingEvidence) -> Change | None:
    """Return the change that `advice` means for a training; None where it follows it already."""
    return _ROWS[advice](evidence)


def advise(advices: Sequence[Advice], evidence: TrainingEvidence) -> str:
    """Return the first few of `advices` that a training does not follow yet, as one sentence."""
    found = [made.text for advice in advices if (made := change(advice, evidence)) is not None]
    chosen = found[:MOST_ADVICES]
    if not chosen:
        return ""
    sentence = "; or ".join(chosen)
    return f"{sentence[0].upper()}{sentence[1:]}."
