"""One optimizer step for some parameters of all lanes, in a single pass over their memory.

Notation: n lanes, P parameters each. `numbers` (n, 5) holds each lane's learning rate, momentum,
decoupled decay (a factor), coupled decay, and the factor that clips its gradients. The arithmetic
is that of torch.optim.AdamW and torch.optim.SGD.
"""

from __future__ import annotations

from math import sqrt

from search.compiled.elementary import like
from search.compiled.jit import Array, compiled

RATE, MOMENTUM, SHRINK, COUPLED, CLIP = range(5)


@compiled
def update(
    values: Array,
    grads: Array,
    first: Array,
    second: Array,
    adaptive: Array,
    numbers: Array,
    betas: tuple[float, float],
    corrections: tuple[float, float],
    epsilon: float,
    decays: bool,
) -> None:
    """Update `values` (n, P) by `grads`; `first` and `second` are the moments, (n, P) each.

    `adaptive` (n,) tells Adam's lanes from those of SGD, whose buffer is `first`. `corrections` are
    1 - beta**t of Adam's betas. Weight decay is left out unless `decays`.
    """
    lanes, count = values.shape
    zero, one = like(values[0, 0], 0.0), like(values[0, 0], 1.0)
    keep1, keep2 = like(zero, betas[0]), like(zero, betas[1])
    add1, add2 = like(zero, 1.0 - betas[0]), like(zero, 1.0 - betas[1])
    root = like(zero, 1.0 / sqrt(corrections[1]))
    tiny = like(zero, epsilon)
    for lane in range(lanes):
        rate, momentum, clip = numbers[lane, RATE], numbers[lane, MOMENTUM], numbers[lane, CLIP]
        shrink = numbers[lane, SHRINK] if decays else one
        coupled = numbers[lane, COUPLED] if decays else zero
        if adaptive[lane]:
            step = like(zero, rate / corrections[0])
            for i in range(count):
                g = grads[lane, i] * clip + values[lane, i] * coupled
                m = first[lane, i] * keep1 + g * add1
                v = second[lane, i] * keep2 + g * g * add2
                first[lane, i], second[lane, i] = m, v
                values[lane, i] = values[lane, i] * shrink - step * m / (
                    like(v, sqrt(v)) * root + tiny
                )
        else:
            for i in range(count):
                g = grads[lane, i] * clip + values[lane, i] * coupled
                m = first[lane, i] * momentum + g
                first[lane, i] = m
                values[lane, i] = values[lane, i] * shrink - rate * m
