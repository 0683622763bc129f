"""Many steps of one lane in one call: all that it takes stays in the processor's cache.

Notation as in `search.engines.compiled.buffers`; T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import isinf, sqrt

from search.engines.compiled.buffers import (
    ACTIVE,
    BEFORE,
    GRADIENT,
    PRE,
    LaneBuffers,
    NetworkSpec,
    OptimizerSpec,
    Workspace,
    learned,
    output_bias,
    weight,
    weights_end,
)
from search.engines.compiled.forward_backward import LEARNS, LOOKS, PREDICTS, backward, forward
from search.engines.compiled.jit import Array, callable_from_jit, jit, source_stamp
from search.engines.compiled.layer_statistics import (
    accumulate,
    clear,
    finalize,
    frobenius_norm,
    relative_change,
)
from search.engines.compiled.optimizer_step import adamw, sgd
from search.engines.compiled.reductions import product, total
from search.engines.layer_statistics import STATISTICS
from search.networks.optimizers import CLIP_EPSILON

_GRADIENT, _UPDATE, _LEARNED = (
    STATISTICS.index("gradient_norm"),
    STATISTICS.index("update_ratio"),
    len(STATISTICS),
)


@cache
def training_steps() -> Callable[..., float]:
    """Return `train(net, rules, memory, work, x, y, drops, slopes, rates, first, ...)`.

    It makes the steps from number `first` on, counted from 0 at the start of the training, and
    returns the sum of their losses. `x` (T, N, D) and `y` (T, N) are the minibatches, `drops` and
    `slopes` (T, K, N, H) the noise, empty where there is none, `rates` (T,) the learning rates. At
    the steps `look_at` the layers are looked into, by `look_rows` (passes, N, D) where these are
    not empty; what is seen goes into `seen` (looks, statistic, K).
    """
    stamp = source_stamp()

    @jit
    def train(
        net: NetworkSpec,
        rules: OptimizerSpec,
        memory: LaneBuffers,
        work: Workspace,
        x: Array,
        y: Array,
        drops: Array,
        slopes: Array,
        rates: Array,
        first: int,
        look_at: Array,
        look_rows: Array,
        seen: Array,
    ) -> float:
        stamp  # noqa: B018 - closed over, see source_stamp
        loss = 0.0
        for t in range(rates.size):
            forward(net, rules, memory, work, x[t], LEARNS, drops, slopes, t)
            loss += backward(net, rules, memory.values, work, x[t], y[t])
            look = _position(look_at, first + t)
            if look >= 0:
                _see(net, rules, memory, work, look_rows, seen[look])
            _update(net, rules, memory, work, first + t + 1, rates[t])
            if look >= 0:
                _see_update(net, memory, work, seen[look])
        return loss

    return train


@cache
def prediction() -> Callable[..., None]:
    """Return `predict(net, rules, memory, work, x, out)`: logits of `x` (M, D) into (C, M)."""
    stamp = source_stamp()

    @jit
    def predict(
        net: NetworkSpec,
        rules: OptimizerSpec,
        memory: LaneBuffers,
        work: Workspace,
        x: Array,
        out: Array,
    ) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        block, own = len(work.rows), output_bias(memory.values, net)
        for start in range(0, len(x), block):
            count = min(block, len(x) - start)
            for row in range(count):
                work.rows[row] = x[start + row]
            forward(net, rules, memory, work, work.rows, PREDICTS, work.layers, work.layers, 0)
            for c in range(net.outputs):
                for row in range(count):
                    out[c, start + row] = work.logits[row, c] + own[c]

    return predict


@callable_from_jit
def _position(steps: Array, step: int) -> int:
    for position in range(steps.size):
        if steps[position] == step:
            return position
    return -1


@callable_from_jit
def _update(
    net: NetworkSpec,
    rules: OptimizerSpec,
    memory: LaneBuffers,
    work: Workspace,
    made: int,
    rate: float,
) -> None:
    values, grads, first = (
        memory.values,
        work.parameters[GRADIENT, : memory.values.size],
        memory.first,
    )
    clip = 1.0
    if not isinf(rules.clip):
        factor = rules.clip / (sqrt(product(grads, grads)) + CLIP_EPSILON)
        # Written so that NaN stays NaN.
        clip = 1.0 if factor > 1.0 else factor
    end = weights_end(net)
    if rules.adaptive:
        second = memory.second
        adamw(values[:end], grads[:end], first[:end], second[:end], made, rate, rules.decay, clip)
        adamw(values[end:], grads[end:], first[end:], second[end:], made, rate, 0.0, clip)
    else:
        momentum = rules.momentum
        sgd(values[:end], grads[:end], first[:end], rate, momentum, rules.decay, clip)
        sgd(values[end:], grads[end:], first[end:], rate, momentum, 0.0, clip)


@callable_from_jit
def _see(
    net: NetworkSpec,
    rules: OptimizerSpec,
    memory: LaneBuffers,
    work: Workspace,
    rows: Array,
    seen: Array,
) -> None:
    """Look at gradients and units, between the backward pass and the update."""
    work.parameters[BEFORE, : memory.values.size] = memory.values
    passes = len(rows)
    for k in range(net.depth):
        seen[_GRADIENT, k] = frobenius_norm(weight(work.parameters[GRADIENT], net, k + 1).ravel())
        clear(work.sums[k], work.extremes[k])
        if passes == 0:
            accumulate(work.layers[PRE, k], work.layers[ACTIVE, k], work.sums[k], work.extremes[k])
    for t in range(passes):
        forward(net, rules, memory, work, rows[t], LOOKS, work.layers, work.layers, 0)
        for k in range(net.depth):
            accumulate(work.layers[PRE, k], work.layers[ACTIVE, k], work.sums[k], work.extremes[k])
    count = max(passes, 1) * work.logits.shape[0]
    for k in range(net.depth):
        finalize(work.sums[k], work.extremes[k], count, seen[:, k])
        if net.learned:
            seen[_LEARNED, k] = total(learned(memory.values, net, k)) / net.learned


@callable_from_jit
def _see_update(net: NetworkSpec, memory: LaneBuffers, work: Workspace, seen: Array) -> None:
    for k in range(net.depth):
        after, before = (
            weight(memory.values, net, k + 1),
            weight(work.parameters[BEFORE], net, k + 1),
        )
        seen[_UPDATE, k] = relative_change(after.ravel(), before.ravel())
