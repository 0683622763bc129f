"""Forward and backward pass of one lane over one minibatch, gradients written out.

Notation as in `search.engines.compiled.buffers`. Products are SciPy's BLAS, which Numba calls
without Python and without a temporary: every operand is contiguous, in C or in Fortran order.
"""

from __future__ import annotations

import numpy as np

from search.engines.compiled.activate import activate
from search.engines.compiled.buffers import (
    ACTIVE,
    DROPPED,
    GRADIENT,
    MASK,
    NOISE,
    NORMAL,
    NUMBER,
    PARAMETER_DERIVATIVE,
    PRE,
    TRANSPOSED,
    LaneBuffers,
    NetworkSpec,
    OptimizerSpec,
    Workspace,
    bias,
    learned,
    offset,
    output_bias,
    scale,
    weight,
)
from search.engines.compiled.elementary import like
from search.engines.compiled.jit import Array, callable_from_jit, inlined
from search.engines.compiled.losses import loss_gradient
from search.engines.compiled.normalization import (
    batch,
    batch_backward,
    batch_known,
    layer,
    layer_backward,
)
from search.engines.compiled.reductions import column_products, column_sums, product, total
from search.engines.compiled.transpose import transpose

#: Purposes of a forward pass. PROBE normalizes by the minibatch's statistics like TRAIN, but draws
#: no noise and does not move the running statistics.
PREDICT, PROBE, TRAIN = 0, 1, 2
#: Index of batch normalization in `NORMALIZATIONS`.
_BATCH = 1


@callable_from_jit
def forward(
    network: NetworkSpec,
    optimizer: OptimizerSpec,
    lane: LaneBuffers,
    work: Workspace,
    x: Array,
    purpose: int,
    dropout_noise: Array,
    slope_noise: Array,
    step: int,
) -> None:
    """Write the logits of `x` (N, D), before their bias, and the buffers that `backward` reads.

    `dropout_noise` and `slope_noise` (T, K, N, H) are uniform on [0, 1), read at `step` where the
    `purpose` is TRAIN.
    """
    below, training = x, purpose == TRAIN
    for k in range(network.depth):
        pre, active = work.layers[PRE, k], work.layers[ACTIVE, k]
        np.dot(below, weight(lane.values, network, k + 1), pre)
        if network.normalization:
            _normalize(network, lane, work, k, purpose)
        noisy = optimizer.noisy and training
        number = work.units[NUMBER]
        if noisy:
            _draw(optimizer, slope_noise[step, k], work.tables[NOISE])
            number = work.tables[NOISE].ravel()
        else:
            _spread(network, optimizer, learned(lane.values, network, k), work.units[NUMBER:])
        activate(
            network.activation,
            pre,
            offset(lane.values, network, k),
            number,
            noisy,
            active,
            work.layers[PARAMETER_DERIVATIVE, k],
            network.learned,
            network.learned == network.learned_numbers,
            work.layers[0].size,
        )
        below = active
        if optimizer.dropout > 0.0 and training:
            below = work.layers[DROPPED, k]
            _drop(optimizer, dropout_noise[step, k], active, work.layers[MASK, k], below)
    np.dot(below, weight(lane.values, network, 0), work.logits)


@callable_from_jit
def _spread(network: NetworkSpec, optimizer: OptimizerSpec, own: Array, numbers: Array) -> None:
    """Write the activation's numbers by unit, (M, H); `own` are the learned ones of the layer."""
    size = network.learned // max(network.learned_numbers, 1)
    for m in range(optimizer.numbers.size):
        if m >= network.learned_numbers:
            numbers[m] = like(numbers[0, 0], optimizer.numbers[m])
        elif size > 1:
            numbers[m] = own[m * size : (m + 1) * size]
        else:
            numbers[m] = own[m]


@callable_from_jit
def _normalize(
    network: NetworkSpec, lane: LaneBuffers, work: Workspace, k: int, purpose: int
) -> None:
    """Write the standardised linear output to NORMAL, and multiplied by the scale to PRE."""
    pre, normal = work.layers[PRE, k], work.layers[NORMAL, k]
    rows, units = pre.shape
    own, factor = bias(lane.values, network, k), scale(lane.values, network, k)
    for row in range(rows):
        for unit in range(units):
            normal[row, unit] = pre[row, unit] + own[unit]
    if network.normalization != _BATCH:
        layer(normal, work.inverse[k])
    elif purpose == PREDICT:
        batch_known(normal, lane.running[k], work.units)
    else:
        batch(normal, work.inverse[k], lane.running[k], purpose == TRAIN, work.units)
    for row in range(rows):
        for unit in range(units):
            pre[row, unit] = normal[row, unit] * factor[unit]


@callable_from_jit
def _draw(optimizer: OptimizerSpec, noise: Array, number: Array) -> None:
    """Write slopes between `lower` and `upper` for `noise` on [0, 1), (N, H) each."""
    rows, units = noise.shape
    lower = like(noise[0, 0], optimizer.lower)
    spread = like(lower, optimizer.upper - optimizer.lower)
    for row in range(rows):
        for unit in range(units):
            number[row, unit] = lower + spread * noise[row, unit]


@callable_from_jit
def _drop(optimizer: OptimizerSpec, noise: Array, active: Array, mask: Array, out: Array) -> None:
    """Write the dropout mask, 0 or 1 / (1 - rate), and the masked activations, (N, H) each."""
    rows, units = noise.shape
    rate, zero = like(noise[0, 0], optimizer.dropout), like(noise[0, 0], 0.0)
    keep = like(rate, 1.0 / (1.0 - optimizer.dropout))
    for row in range(rows):
        for unit in range(units):
            factor = keep if noise[row, unit] >= rate else zero
            mask[row, unit] = factor
            out[row, unit] = active[row, unit] * factor


@callable_from_jit
def backward(
    network: NetworkSpec,
    optimizer: OptimizerSpec,
    values: Array,
    work: Workspace,
    x: Array,
    target: Array,
) -> float:
    """Write the gradient of the last TRAIN pass, of `x` (N, D); return the mean loss.

    `target` (N,) as in `search.engines.compiled.losses`.
    """
    loss = _output_backward(network, optimizer, values, work, target)
    for k in range(network.depth - 1, -1, -1):
        grad = work.tables[k % 2]
        if optimizer.dropout > 0.0:
            _multiply(grad, work.layers[MASK, k])
        for j in range(network.learned_numbers):
            size = network.learned // network.learned_numbers
            _learn(
                grad,
                work.layers[PARAMETER_DERIVATIVE + j, k],
                learned(work.parameters[GRADIENT], network, k)[j * size : (j + 1) * size],
            )
        _multiply(grad, work.layers[PRE, k])
        column_sums(grad, offset(work.parameters[GRADIENT], network, k))
        if network.normalization:
            _denormalize(network, values, work, k, grad)
        gradient = weight(work.parameters[GRADIENT], network, k + 1)
        if k == 0:
            np.dot(x.T, grad, gradient)
        else:
            np.dot(_output(optimizer, work, k - 1).T, grad, gradient)
            # BLAS takes half as long again for a right factor in Fortran order.
            transposed = work.parameters[TRANSPOSED, : network.width * network.width].reshape(
                network.width, network.width
            )
            transpose(weight(values, network, k + 1), transposed)
            np.dot(grad, transposed, work.tables[(k - 1) % 2])
    return loss


@inlined
def _output(optimizer: OptimizerSpec, work: Workspace, k: int) -> Array:
    """View the output of the k-th hidden layer in training, (N, H)."""
    output: Array = work.layers[DROPPED if optimizer.dropout > 0.0 else ACTIVE, k]
    return output


@callable_from_jit
def _output_backward(
    network: NetworkSpec, optimizer: OptimizerSpec, values: Array, work: Workspace, target: Array
) -> float:
    """Write the gradients of the output layer and of its input; return the mean loss."""
    logits, by_class = work.logits, work.by_class
    own, gradient = output_bias(values, network), output_bias(work.parameters[GRADIENT], network)
    rows, classes = logits.shape
    for c in range(classes):
        for row in range(rows):
            by_class[c, row] = logits[row, c] + own[c]
    loss = loss_gradient(network.loss, by_class, target)
    for c in range(classes):
        gradient[c] = total(by_class[c])
        for row in range(rows):
            logits[row, c] = by_class[c, row]
    last = network.depth - 1
    np.dot(_output(optimizer, work, last).T, logits, weight(work.parameters[GRADIENT], network, 0))
    transposed = work.parameters[TRANSPOSED, : network.width * classes].reshape(
        classes, network.width
    )
    transpose(weight(values, network, 0), transposed)
    np.dot(logits, transposed, work.tables[last % 2])
    return loss


@callable_from_jit
def _denormalize(network: NetworkSpec, values: Array, work: Workspace, k: int, grad: Array) -> None:
    """Turn dL/d(scaled) in `grad` into dL/d(linear); write the gradients of scale and bias."""
    normal, factor = work.layers[NORMAL, k], scale(values, network, k)
    rows, units = grad.shape
    column_products(grad, normal, scale(work.parameters[GRADIENT], network, k))
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] *= factor[unit]
    if network.normalization == _BATCH:
        batch_backward(grad, normal, work.inverse[k], work.units)
    else:
        layer_backward(grad, normal, work.inverse[k])
    column_sums(grad, bias(work.parameters[GRADIENT], network, k))


@callable_from_jit
def _learn(grad: Array, derivative: Array, gradient: Array) -> None:
    """Write the gradient of a learned number, (1,) or (H,), from dL/df and df/dp, (N, H)."""
    if gradient.size > 1:
        column_products(grad, derivative, gradient)
    else:
        gradient[0] = product(grad.ravel(), derivative.ravel())


@callable_from_jit
def _multiply(grad: Array, factors: Array) -> None:
    """Multiply elementwise in place, (N, H) each."""
    rows, units = grad.shape
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] *= factors[row, unit]
