"""Losses of one lane's minibatch with their gradient (see `search.networks.losses`).

Notation: N rows, C outputs; logits (C, N), so that a vector register holds many rows. Each function
overwrites them with the gradient of the mean loss and returns that loss. Two rows of scratch follow
the logits. `target` (N,) holds class indices or numbers, in the logits' precision.
"""

from __future__ import annotations

from math import log

from search.engines.compiled.elementary import exp, like, log1p_unit, sigmoid
from search.engines.compiled.jit import Array, callable_from_jit
from search.study import Task

#: The first argument of `loss_gradient`.
LOSS_INDEX: dict[Task, int] = {Task.MULTICLASS: 0, Task.BINARY: 1, Task.REGRESSION: 2}


@callable_from_jit
def loss_gradient(index: int, logits: Array, target: Array) -> float:
    """Apply the loss whose LOSS_INDEX is `index`."""
    loss: float
    if index == 0:
        loss = _cross_entropy(logits, target)
    elif index == 1:
        loss = _binary(logits[0], target)
    else:
        loss = _squared(logits[0], target)
    return loss


@callable_from_jit
def _cross_entropy(logits: Array, target: Array) -> float:
    classes, rows = logits.shape[0] - 2, logits.shape[1]
    sums = logits[classes + 1]
    _subtract_largest(logits)
    loss = 0.0
    for row in range(rows):
        loss -= logits[int(target[row]), row]
        sums[row] = like(sums[row], 0.0)
    for c in range(classes):
        for row in range(rows):
            logits[c, row] = exp(logits[c, row])
        for row in range(rows):
            sums[row] += logits[c, row]
    for row in range(rows):
        loss += log(sums[row])
        sums[row] = like(sums[row], 1.0) / (sums[row] * like(sums[row], rows))
    for c in range(classes):
        for row in range(rows):
            logits[c, row] *= sums[row]
    for row in range(rows):
        logits[int(target[row]), row] -= like(sums[row], 1.0 / rows)
    mean: float = loss / rows
    return mean


@callable_from_jit
def _subtract_largest(logits: Array) -> None:
    classes, rows = logits.shape[0] - 2, logits.shape[1]
    largest = logits[classes]
    for row in range(rows):
        largest[row] = logits[0, row]
    for c in range(1, classes):
        for row in range(rows):
            largest[row] = max(largest[row], logits[c, row])
    for c in range(classes):
        for row in range(rows):
            logits[c, row] -= largest[row]


@callable_from_jit
def _binary(logits: Array, target: Array) -> float:
    rows = logits.size
    zero, share = like(logits[0], 0.0), like(logits[0], 1.0 / rows)
    loss = 0.0
    for row in range(rows):
        z = logits[row]
        size = z if z > zero else -z
        loss += (z if z > zero else zero) + log1p_unit(exp(-size)) - z * target[row]
        logits[row] = (sigmoid(z) - target[row]) * share
    return loss / rows


@callable_from_jit
def _squared(logits: Array, target: Array) -> float:
    rows = logits.size
    share = like(logits[0], 2.0 / rows)
    loss = 0.0
    for row in range(rows):
        difference = logits[row] - target[row]
        loss += difference * difference
        logits[row] = difference * share
    return loss / rows
