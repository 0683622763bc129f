"""What to do against a finding, in words of the search space: one row an advice.

An advice is left out where the configuration follows it already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from search.activations import ActivationName
from search.space import get_initializer
from search.study import ParamValue

Params: TypeAlias = Mapping[str, ParamValue]

#: Of the advices that apply, so many are given, the best first.
MOST_ADVICES = 3

#: Between these, networks of this size learn with either optimizer.
_USUAL_RATES = (1e-3, 1e-2)

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
    USUAL_RATE = "usual_rate"
    RAISE_RATE = "raise_rate"
    CLIP = "clip"
    GAIN_AWARE = "gain_aware"
    SELU = "selu"
    LEAKY = "leaky"
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
    FIXED_SLOPE = "fixed_slope"


def _number(params: Params, axis: str) -> float:
    value = params.get(axis)
    return float(value) if isinstance(value, int | float) else 0.0


def _lower_rate(params: Params) -> str:
    return f"lower learning_rate to {_number(params, 'learning_rate') / 10:.1g}"


def _usual_rate(params: Params) -> str | None:
    low, high = _USUAL_RATES
    if _number(params, "learning_rate") < low:
        return f"raise learning_rate to {low:g}"
    return _lower_rate(params) if _number(params, "learning_rate") > high else None


def _raise_rate(params: Params) -> str | None:
    if _number(params, "learning_rate") > _USUAL_RATES[1]:
        return None
    return f"raise learning_rate to {_number(params, 'learning_rate') * 10:.1g}"


def _clip(params: Params) -> str | None:
    return "set gradient_clip to 1.0" if params.get("gradient_clip") is None else None


def _gain_aware(params: Params) -> str | None:
    row = get_initializer(str(params["initializer"]))
    # SELU's gain is 1: there lecun_normal is gain-aware too.
    if row.uses_gain or params["activation"] == ActivationName.SELU:
        return None
    return "use scaled_orthogonal or lsuv, which take the activation's gain into account"


def _selu(params: Params) -> str | None:
    if params["activation"] == ActivationName.SELU and params["initializer"] == "lecun_normal":
        return None
    return "use selu with lecun_normal"


def _leaky(params: Params) -> str | None:
    if params["activation"] not in _RELU_LIKE:
        return None
    return "use leaky_relu, prelu or elu, which pass a gradient where ReLU passes none"


def _one_sided(params: Params) -> str | None:
    if params["activation"] not in _TWO_SIDED:
        return None
    return "use an activation that saturates on one side at most, such as relu, elu or gelu"


def _normalize(params: Params) -> str | None:
    return "set normalization to batch" if params.get("normalization") == "none" else None


def _shallower(params: Params) -> str | None:
    depth = int(_number(params, "depth"))
    return f"use a depth of at most {depth // 2}" if depth > 3 else None


def _wider(params: Params) -> str:
    return f"raise width to {2 * int(_number(params, 'width'))}"


def _adam(params: Params) -> str | None:
    return None if params.get("optimizer") == "adamw" else "use the optimizer adamw"


def _decay(params: Params) -> str:
    return f"raise weight_decay to {max(1e-3, 10 * _number(params, 'weight_decay')):.1g}"


def _dropout(params: Params) -> str:
    return f"raise dropout to {min(0.5, _number(params, 'dropout') + 0.2):.1g}"


def _less_dropout(params: Params) -> str | None:
    return "set dropout to 0" if _number(params, "dropout") > 0 else None


def _fixed_slope(params: Params) -> str | None:
    fixed = {"prelu": "use leaky_relu, whose slope stays", "silu": "set silu_learned to false"}
    return fixed.get(str(params["activation"]))


_ROWS: dict[Advice, Callable[[Params], str | None]] = {
    Advice.LOWER_RATE: _lower_rate,
    Advice.USUAL_RATE: _usual_rate,
    Advice.RAISE_RATE: _raise_rate,
    Advice.CLIP: _clip,
    Advice.GAIN_AWARE: _gain_aware,
    Advice.SELU: _selu,
    Advice.LEAKY: _leaky,
    Advice.ONE_SIDED: _one_sided,
    Advice.NORMALIZE: _normalize,
    Advice.SHALLOWER: _shallower,
    Advice.WIDER: _wider,
    Advice.ADAM: _adam,
    Advice.DECAY: _decay,
    Advice.DROPOUT: _dropout,
    Advice.LESS_DROPOUT: _less_dropout,
    Advice.FEWER_EPOCHS: lambda _: "train for fewer epochs",
    Advice.MORE_EPOCHS: lambda _: "train for more epochs",
    Advice.FIXED_SLOPE: _fixed_slope,
}


def remedy(advices: Sequence[Advice], params: Params) -> str:
    """Return the first few of `advices` that `params` do not follow yet, as one sentence."""
    texts = [text for advice in advices if (text := _ROWS[advice](params)) is not None]
    chosen = texts[:MOST_ADVICES]
    if not chosen:
        return ""
    sentence = "; or ".join(chosen)
    return f"{sentence[0].upper()}{sentence[1:]}."
