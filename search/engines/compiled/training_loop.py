"""Many training steps of one lane in one call, so that its buffers stay in the cache.

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
from search.engines.compiled.forward_backward import PREDICT, PROBE, TRAIN, backward, forward
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
    """Return the compiled `train(network, optimizer, lane, work, x, y, ...)`.

    It makes the steps from number `first` on, counted from 0 at the start of the training, and
    returns the sum of their losses. `x` (T, N, D) and `y` (T, N) are the minibatches,
    `dropout_noise` and `slope_noise` (T, K, N, H) are uniform on [0, 1), empty where a lane needs
    none, `rates` (T,) are the learning rates. At the steps `probe_steps` (E,) the layers are
    measured, on `probe_rows` (passes, N, D) where these are not empty, else on the minibatch; their
    statistics go into `statistics` (E, statistic, K).
    """
    stamp = source_stamp()

    @jit
    def train(
        network: NetworkSpec,
        optimizer: OptimizerSpec,
        lane: LaneBuffers,
        work: Workspace,
        x: Array,
        y: Array,
        dropout_noise: Array,
        slope_noise: Array,
        rates: Array,
        first: int,
        probe_steps: Array,
        probe_rows: Array,
        statistics: Array,
    ) -> float:
        stamp  # noqa: B018 - closed over, see source_stamp
        loss = 0.0
        for t in range(rates.size):
            forward(network, optimizer, lane, work, x[t], TRAIN, dropout_noise, slope_noise, t)
            loss += backward(network, optimizer, lane.values, work, x[t], y[t])
            probe = _position(probe_steps, first + t)
            if probe >= 0:
                _measure(network, optimizer, lane, work, probe_rows, statistics[probe])
            _update(network, optimizer, lane, work, first + t + 1, rates[t])
            if probe >= 0:
                _measure_update(network, lane, work, statistics[probe])
        return loss

    return train


@cache
def prediction() -> Callable[..., None]:
    """Return the compiled `predict`, which writes the logits of `x` (M, D) into `out` (C, M)."""
    stamp = source_stamp()

    @jit
    def predict(
        network: NetworkSpec,
        optimizer: OptimizerSpec,
        lane: LaneBuffers,
        work: Workspace,
        x: Array,
        out: Array,
    ) -> None:
        stamp  # noqa: B018 - closed over, see source_stamp
        block, own = len(work.rows), output_bias(lane.values, network)
        for start in range(0, len(x), block):
            count = min(block, len(x) - start)
            for row in range(count):
                work.rows[row] = x[start + row]
            forward(network, optimizer, lane, work, work.rows, PREDICT, work.layers, work.layers, 0)
            for c in range(network.outputs):
                for row in range(count):
                    out[c, start + row] = work.logits[row, c] + own[c]

    return predict


@callable_from_jit
def _position(steps: Array, step: int) -> int:
    """Return the index of `step` in `steps`, -1 where it is not there."""
    for position in range(steps.size):
        if steps[position] == step:
            return position
    return -1


@callable_from_jit
def _update(
    network: NetworkSpec,
    optimizer: OptimizerSpec,
    lane: LaneBuffers,
    work: Workspace,
    made: int,
    rate: float,
) -> None:
    """Clip the gradient and make the optimizer step after which `made` steps are made."""
    values, grads, first = (
        lane.values,
        work.parameters[GRADIENT, : lane.values.size],
        lane.first,
    )
    clip = 1.0
    if not isinf(optimizer.clip):
        factor = optimizer.clip / (sqrt(product(grads, grads)) + CLIP_EPSILON)
        # Written so that NaN stays NaN.
        clip = 1.0 if factor > 1.0 else factor
    end = weights_end(network)
    if optimizer.adaptive:
        second = lane.second
        adamw(
            values[:end], grads[:end], first[:end], second[:end], made, rate, optimizer.decay, clip
        )
        adamw(values[end:], grads[end:], first[end:], second[end:], made, rate, 0.0, clip)
    else:
        momentum = optimizer.momentum
        sgd(values[:end], grads[:end], first[:end], rate, momentum, optimizer.decay, clip)
        sgd(values[end:], grads[end:], first[end:], rate, momentum, 0.0, clip)


@callable_from_jit
def _measure(
    network: NetworkSpec,
    optimizer: OptimizerSpec,
    lane: LaneBuffers,
    work: Workspace,
    rows: Array,
    statistics: Array,
) -> None:
    """Measure gradients and units, between the backward pass and the update.

    `rows` (passes, N, D); `statistics` (statistic, K).
    """
    work.parameters[BEFORE, : lane.values.size] = lane.values
    passes = len(rows)
    for k in range(network.depth):
        statistics[_GRADIENT, k] = frobenius_norm(
            weight(work.parameters[GRADIENT], network, k + 1).ravel()
        )
        clear(work.statistic_sums[k], work.statistic_extremes[k])
        if passes == 0:
            accumulate(
                work.layers[PRE, k],
                work.layers[ACTIVE, k],
                work.statistic_sums[k],
                work.statistic_extremes[k],
            )
    for t in range(passes):
        forward(network, optimizer, lane, work, rows[t], PROBE, work.layers, work.layers, 0)
        for k in range(network.depth):
            accumulate(
                work.layers[PRE, k],
                work.layers[ACTIVE, k],
                work.statistic_sums[k],
                work.statistic_extremes[k],
            )
    count = max(passes, 1) * work.logits.shape[0]
    for k in range(network.depth):
        finalize(work.statistic_sums[k], work.statistic_extremes[k], count, statistics[:, k])
        for j in range(network.learned_numbers):
            size = network.learned // network.learned_numbers
            own = learned(lane.values, network, k)[j * size : (j + 1) * size]
            statistics[_LEARNED + j, k] = total(own) / size


@callable_from_jit
def _measure_update(
    network: NetworkSpec, lane: LaneBuffers, work: Workspace, statistics: Array
) -> None:
    """Measure how far the optimizer step has moved the weights."""
    for k in range(network.depth):
        after, before = (
            weight(lane.values, network, k + 1),
            weight(work.parameters[BEFORE], network, k + 1),
        )
        statistics[_UPDATE, k] = relative_change(after.ravel(), before.ravel())
