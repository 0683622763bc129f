"""One optimizer step for a slice of the parameters of a lane, in a single pass over memory.

The arithmetic is that of torch.optim.AdamW and torch.optim.SGD.
"""

from __future__ import annotations

from math import sqrt

from search.engines.compiled.elementary import like
from search.engines.compiled.jit import Array, callable_from_jit
from search.networks.optimizers import BETA1, BETA2, EPSILON


@callable_from_jit
def adamw(
    values: Array,
    grads: Array,
    first: Array,
    second: Array,
    made: int,
    rate: float,
    decay: float,
    clip: float,
) -> None:
    """Make the `made`-th step of a lane, counted from 1, on gradients multiplied by `clip`.

    All arrays are (n,); values and moments are overwritten. `decay` shrinks the values directly.
    """
    zero = like(values[0], 0.0)
    factor, shrink = like(zero, clip), like(zero, 1.0 - rate * decay)
    keep1, add1 = like(zero, BETA1), like(zero, 1.0 - BETA1)
    keep2, add2 = like(zero, BETA2), like(zero, 1.0 - BETA2)
    step = like(zero, rate / (1.0 - BETA1**made))
    root = like(zero, 1.0 / sqrt(1.0 - BETA2**made))
    tiny = like(zero, EPSILON)
    for i in range(values.size):
        g = grads[i] * factor
        m = first[i] * keep1 + g * add1
        v = second[i] * keep2 + g * g * add2
        first[i], second[i] = m, v
        values[i] = values[i] * shrink - step * m / (like(v, sqrt(v)) * root + tiny)


@callable_from_jit
def sgd(
    values: Array,
    grads: Array,
    first: Array,
    rate: float,
    momentum: float,
    decay: float,
    clip: float,
) -> None:
    """Make a step with heavy-ball momentum, on gradients multiplied by `clip`.

    All arrays are (n,); values and momentum are overwritten. `decay` enters the clipped gradient.
    """
    zero = like(values[0], 0.0)
    factor, coupled = like(zero, clip), like(zero, decay)
    keep, step = like(zero, momentum), like(zero, rate)
    for i in range(values.size):
        m = first[i] * keep + grads[i] * factor + values[i] * coupled
        first[i] = m
        values[i] -= step * m
