"""Forward and backward pass of one lane over one minibatch, gradients written out.

Notation as in `search.compiled.memory`. Products are SciPy's BLAS, which Numba calls without Python
and without a temporary: every operand is contiguous, in C or in Fortran order.
"""

from __future__ import annotations

import numpy as np

from search.compiled.activate import activate
from search.compiled.elementary import like
from search.compiled.jit import Array, routine, scalar
from search.compiled.losses import loss_gradient
from search.compiled.memory import (
    Memory,
    Net,
    Rules,
    Workspace,
    bias,
    learned,
    offset,
    output_bias,
    scale,
    weight,
)
from search.compiled.normalize import batch, batch_backward, batch_known, layer, layer_backward
from search.compiled.sums import column_products, column_sums, product, total

#: What a forward pass is for: to predict; to look into the layers, by the minibatch's statistics
#: but without noise and leaving no trace; to learn.
PREDICTS, LOOKS, LEARNS = 0, 1, 2
#: Places in `NORMALIZATIONS`.
_BATCH = 1


@routine
def forward(
    net: Net, rules: Rules, memory: Memory, work: Workspace, x: Array, aim: int, drop: Array,
    slope: Array,
) -> None:
    """Write the logits of `x` (N, D), and what `backward` needs.

    `drop` and `slope` (K, N, H) are noise on [0, 1), or empty.
    """
    below = x
    for k in range(net.depth):
        pre, active = work.pre[k], work.active[k]
        np.dot(below, weight(memory.values, net, k + 1), pre)
        if net.normalization:
            _normalize(net, memory, work, k, aim)
        number = work.number
        if net.learned > 1:
            number[0, :] = learned(memory.values, net, k)
        elif net.learned:
            number[0, :] = learned(memory.values, net, k)[0]
        else:
            number[0, :] = like(pre[0, 0], rules.number)
        if rules.noisy and slope.size > 0:
            number = work.drawn
            _draw(rules, slope[k], number)
        tangent = work.tangent[k] if net.learned else work.nothing
        activate(
            net.activation, pre, offset(memory.values, net, k), number, active, tangent
        )
        below = active
        if rules.dropout > 0.0 and drop.size > 0:
            below = work.dropped[k]
            _drop(rules, drop[k], active, work.mask[k], below)
    np.dot(below, weight(memory.values, net, 0), work.logits)


@routine
def _normalize(net: Net, memory: Memory, work: Workspace, k: int, aim: int) -> None:
    """Standardise the linear output, and write it scaled where it is activated."""
    pre, normal = work.pre[k], work.normal[k]
    rows, units = pre.shape
    own, factor = bias(memory.values, net, k), scale(memory.values, net, k)
    for row in range(rows):
        for unit in range(units):
            normal[row, unit] = pre[row, unit] + own[unit]
    if net.normalization != _BATCH:
        layer(normal, work.inverse[k])
    elif aim == PREDICTS:
        batch_known(normal, memory.running[k], work.sums)
    else:
        batch(normal, work.inverse[k], memory.running[k], aim == LEARNS, work.sums)
    for row in range(rows):
        for unit in range(units):
            pre[row, unit] = normal[row, unit] * factor[unit]


@routine
def _draw(rules: Rules, noise: Array, number: Array) -> None:
    rows, units = noise.shape
    lower = like(noise[0, 0], rules.lower)
    spread = like(lower, rules.upper - rules.lower)
    for row in range(rows):
        for unit in range(units):
            number[row, unit] = lower + spread * noise[row, unit]


@routine
def _drop(rules: Rules, noise: Array, active: Array, mask: Array, out: Array) -> None:
    rows, units = noise.shape
    rate, zero = like(noise[0, 0], rules.dropout), like(noise[0, 0], 0.0)
    keep = like(rate, 1.0 / (1.0 - rules.dropout))
    for row in range(rows):
        for unit in range(units):
            factor = keep if noise[row, unit] >= rate else zero
            mask[row, unit] = factor
            out[row, unit] = active[row, unit] * factor


@routine
def backward(
    net: Net, rules: Rules, values: Array, work: Workspace, x: Array, target: Array
) -> float:
    """Write the gradient of the pass just made for learning; return the mean loss."""
    loss = _output_backward(net, rules, values, work, target)
    for k in range(net.depth - 1, -1, -1):
        grad = work.grad[k % 2]
        if rules.dropout > 0.0:
            _multiply(grad, work.mask[k])
        if net.learned:
            _learn(grad, work.tangent[k], learned(work.gradient, net, k), work.sums)
        _multiply(grad, work.pre[k])
        column_sums(grad, offset(work.gradient, net, k))
        if net.normalization:
            _denormalize(net, values, work, k, grad)
        gradient = weight(work.gradient, net, k + 1)
        if k == 0:
            np.dot(x.T, grad, gradient)
        else:
            np.dot(_output(rules, work, k - 1).T, grad, gradient)
            # BLAS takes half as long again for a transposed right factor, more than turning costs.
            turned = work.turned[: net.width * net.width].reshape(net.width, net.width)
            _turn(weight(values, net, k + 1), turned)
            np.dot(grad, turned, work.grad[(k - 1) % 2])
    return loss


@scalar
def _output(rules: Rules, work: Workspace, k: int) -> Array:
    return work.dropped[k] if rules.dropout > 0.0 else work.active[k]


@routine
def _output_backward(
    net: Net, rules: Rules, values: Array, work: Workspace, target: Array
) -> float:
    logits, by_class = work.logits, work.by_class
    own, gradient = output_bias(values, net), output_bias(work.gradient, net)
    rows, classes = logits.shape
    for c in range(classes):
        for row in range(rows):
            by_class[c, row] = logits[row, c] + own[c]
    loss = loss_gradient(net.loss, by_class, target, work.scratch)
    for c in range(classes):
        gradient[c] = total(by_class[c])
        for row in range(rows):
            logits[row, c] = by_class[c, row]
    last = net.depth - 1
    np.dot(_output(rules, work, last).T, logits, weight(work.gradient, net, 0))
    turned = work.turned[: net.width * classes].reshape(classes, net.width)
    _turn(weight(values, net, 0), turned)
    np.dot(logits, turned, work.grad[last % 2])
    return loss


@routine
def _denormalize(net: Net, values: Array, work: Workspace, k: int, grad: Array) -> None:
    """Turn dL/d(scaled) in `grad` into dL/d(linear); write the gradients of scale and bias."""
    normal, factor = work.normal[k], scale(values, net, k)
    rows, units = grad.shape
    column_products(grad, normal, scale(work.gradient, net, k))
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] *= factor[unit]
    if net.normalization == _BATCH:
        batch_backward(grad, normal, work.inverse[k], work.sums)
    else:
        layer_backward(grad, normal, work.inverse[k])
    column_sums(grad, bias(work.gradient, net, k))


@routine
def _learn(grad: Array, tangent: Array, gradient: Array, sums: Array) -> None:
    """Write the gradient of a learned number, one for all units or one each."""
    if gradient.size > 1:
        column_products(grad, tangent, gradient)
    else:
        gradient[0] = product(grad.ravel(), tangent.ravel())


@routine
def _multiply(grad: Array, factors: Array) -> None:
    rows, units = grad.shape
    for row in range(rows):
        for unit in range(units):
            grad[row, unit] *= factors[row, unit]


@routine
def _turn(matrix: Array, out: Array) -> None:
    """Write the transpose."""
    rows, units = out.shape
    for row in range(rows):
        own = out[row]
        for unit in range(units):
            own[unit] = matrix[unit, row]
