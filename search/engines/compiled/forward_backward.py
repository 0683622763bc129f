"""Forward and backward pass of one lane over one minibatch, gradients written out.

Notation as in `search.engines.compiled.buffers`. Products are SciPy's BLAS, which Numba calls
without Python and without a temporary: every operand is contiguous, in C or in Fortran order.
"""

from __future__ import annotations

import numpy as np

from search.engines.compiled.activate import activate
from search.engines.compiled.buffers import (
    ACTIVE,
    DRAWN,
    DROPPED,
    GRADIENT,
    MASK,
    NORMAL,
    NUMBER,
    PRE,
    TANGENT,
    TURNED,
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

#: What a forward pass is for: to predict; to look into the layers, by the minibatch's statistics
#: but without noise and leaving no trace; to learn.
PREDICTS, LOOKS, LEARNS = 0, 1, 2
#: Places in `NORMALIZATIONS`.
_BATCH = 1


@callable_from_jit
def forward(
    net: NetworkSpec,
    rules: OptimizerSpec,
    memory: LaneBuffers,
    work: Workspace,
    x: Array,
    aim: int,
    drops: Array,
    slopes: Array,
    step: int,
) -> None:
    """Write the logits of `x` (N, D), before their bias, and what `backward` needs.

    `drops` and `slopes` (T, K, N, H) are noise on [0, 1), read at `step` by lanes that learn.
    """
    below, learns = x, aim == LEARNS
    for k in range(net.depth):
        pre, active = work.layers[PRE, k], work.layers[ACTIVE, k]
        np.dot(below, weight(memory.values, net, k + 1), pre)
        if net.normalization:
            _normalize(net, memory, work, k, aim)
        drawn = rules.noisy and learns
        number = work.units[NUMBER]
        if drawn:
            _draw(rules, slopes[step, k], work.tables[DRAWN])
            number = work.tables[DRAWN].ravel()
        elif net.learned == net.width:
            number[:] = learned(memory.values, net, k)
        elif net.learned:
            number[:] = learned(memory.values, net, k)[0]
        else:
            number[:] = like(number[0], rules.number)
        activate(
            net.activation,
            pre,
            offset(memory.values, net, k),
            number,
            drawn,
            active,
            work.layers[TANGENT, k],
            net.learned,
        )
        below = active
        if rules.dropout > 0.0 and learns:
            below = work.layers[DROPPED, k]
            _drop(rules, drops[step, k], active, work.layers[MASK, k], below)
    np.dot(below, weight(memory.values, net, 0), work.logits)


@callable_from_jit
def _normalize(net: NetworkSpec, memory: LaneBuffers, work: Workspace, k: int, aim: int) -> None:
    """Standardise the linear output, and write it scaled where it is activated."""
    pre, normal = work.layers[PRE, k], work.layers[NORMAL, k]
    rows, units = pre.shape
    own, factor = bias(memory.values, net, k), scale(memory.values, net, k)
    for row in range(rows):
        for unit in range(units):
            normal[row, unit] = pre[row, unit] + own[unit]
    if net.normalization != _BATCH:
        layer(normal, work.inverse[k])
    elif aim == PREDICTS:
        batch_known(normal, memory.running[k], work.units)
    else:
        batch(normal, work.inverse[k], memory.running[k], aim == LEARNS, work.units)
    for row in range(rows):
        for unit in range(units):
            pre[row, unit] = normal[row, unit] * factor[unit]


@callable_from_jit
def _draw(rules: OptimizerSpec, noise: Array, number: Array) -> None:
    rows, units = noise.shape
    lower = like(noise[0, 0], rules.lower)
    spread = like(lower, rules.upper - rules.lower)
    for row in range(rows):
        for unit in range(units):
            number[row, unit] = lower + spread * noise[row, unit]


@callable_from_jit
def _drop(rules: OptimizerSpec, noise: Array, active: Array, mask: Array, out: Array) -> None:
    rows, units = noise.shape
    rate, zero = like(noise[0, 0], rules.dropout), like(noise[0, 0], 0.0)
    keep = like(rate, 1.0 / (1.0 - rules.dropout))
    for row in range(rows):
        for unit in range(units):
            factor = keep if noise[row, unit] >= rate else zero
            mask[row, unit] = factor
            out[row, unit] = active[row, unit] * factor


@callable_from_jit
def backward(
    net: NetworkSpec, rules: OptimizerSpec, values: Array, work: Workspace, x: Array, target: Array
) -> float:
    """Write the gradient of the pass just made for learning; return the mean loss."""
    loss = _output_backward(net, rules, values, work, target)
    for k in range(net.depth - 1, -1, -1):
        grad = work.tables[k % 2]
        if rules.dropout > 0.0:
            _multiply(grad, work.layers[MASK, k])
        if net.learned:
            _learn(
                grad,
                work.layers[TANGENT, k],
                learned(work.parameters[GRADIENT], net, k),
                work.units,
            )
        _multiply(grad, work.layers[PRE, k])
        column_sums(grad, offset(work.parameters[GRADIENT], net, k))
        if net.normalization:
            _denormalize(net, values, work, k, grad)
        gradient = weight(work.parameters[GRADIENT], net, k + 1)
        if k == 0:
            np.dot(x.T, grad, gradient)
        else:
            np.dot(_output(rules, work, k - 1).T, grad, gradient)
            # BLAS takes half as long again for a right factor in Fortran order.
            turned = work.parameters[TURNED, : net.width * net.width].reshape(net.width, net.width)
            transpose(weight(values, net, k + 1), turned)
            np.dot(grad, turned, work.tables[(k - 1) % 2])
    return loss


@inlined
def _output(rules: OptimizerSpec, work: Workspace, k: int) -> Array:
    output: Array = work.layers[DROPPED if rules.dropout > 0.0 else ACTIVE, k]
    return output


@callable_from_jit
def _output_backward(
    net: NetworkSpec, rules: OptimizerSpec, values: Array, work: Workspace, target: Array
) -> float:
    logits, by_class = work.logits, work.by_class
    own, gradient = output_bias(values, net), output_bias(work.parameters[GRADIENT], net)
    rows, classes = logits.shape
    for c in range(classes):
        for row in range(rows):
            by_class[c, row] = logits[row, c] + own[c]
    loss = loss_gradient(net.loss, by_class, target)
    for c in range(classes):
        gradient[c] = total(by_class[c])
        for row in range(rows):
            logits[row, c] = by_class[c, row]
    last = net.depth - 1
    np.dot(_output(rules, work, last).T, logits, weight(work.parameters[GRADIENT], net, 0))
    turned = work.parameters[TURNED, : net.width * classes].reshape(classes, net.width)
    transpose(weight(values, net, 0), turned)
    np.dot(logits, turned, work.tables[last % 2])
    return loss


@callable_from_jit
def _denormalize(net: NetworkSpec, values: Array, work: Workspace, k: int, grad: Array) -> None:
    """Turn dL/d(scaled) in `grad` into dL/d(linear); write the gradients of scale and bias."""
    normal, factor = work.layers[NORMAL, k], scale(values, net, k)
    rows, units = grad.shape
    column_products(grad, normal, scale(work.parameters[GRADIENT], net, k))
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] *= factor[unit]
    if net.normalization == _BATCH:
        batch_backward(grad, normal, work.inverse[k], work.units)
    else:
        layer_backward(grad, normal, work.inverse[k])
    column_sums(grad, bias(work.parameters[GRADIENT], net, k))


@callable_from_jit
def _learn(grad: Array, tangent: Array, gradient: Array, sums: Array) -> None:
    """Write the gradient of a learned number, one for all units or one each."""
    if gradient.size > 1:
        column_products(grad, tangent, gradient)
    else:
        gradient[0] = product(grad.ravel(), tangent.ravel())


@callable_from_jit
def _multiply(grad: Array, factors: Array) -> None:
    rows, units = grad.shape
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] *= factors[row, unit]
