"""What the compiled passes of one lane work on, and where its numbers lie.

Notation: N rows of a minibatch, D features, H width, C outputs, K hidden layers of the lane, P
parameters. A lane's parameters are one flat array in the order of `LaneState`: output weight
(H, C), weights of layers 1 to K, output bias, then layer by layer bias, scale and shift of a
normalization, and what the activation learns. Gradients and moments lie alike.
"""

from __future__ import annotations

from typing import NamedTuple

from search.engines.compiled.jit import Array, inlined


class NetworkSpec(NamedTuple):
    """What a lane is."""

    #: Where the compiled loop of its activation is.
    activation: int
    depth: int
    width: int
    features: int
    outputs: int
    #: Place of its normalization in `NORMALIZATIONS`; 0 is none.
    normalization: int
    #: Learned numbers of the activation in each layer: 0, 1, or the width.
    learned: int
    #: Place of the loss in `search.engines.compiled.losses`.
    loss: int


class OptimizerSpec(NamedTuple):
    """How a lane is trained; the learning rate comes step by step."""

    #: The activation's number where it is not learned; evaluation's where it is drawn.
    number: float
    #: Whether it is drawn, between these.
    noisy: bool
    lower: float
    upper: float
    dropout: float
    #: Largest norm of the gradient; infinity where it is not clipped.
    clip: float
    #: Whether Adam, with its decoupled decay, instead of SGD.
    adaptive: bool
    momentum: float
    decay: float


class LaneBuffers(NamedTuple):
    """What a lane is at a moment."""

    values: Array  # (P,)
    first: Array  # (P,), moments as in `LaneState`
    second: Array  # (P,), empty for SGD
    running: Array  # (K, 2, H), empty without batch normalization


class Workspace(NamedTuple):
    """Buffers that lanes share, one after another.

    Few arrays of many parts: each field of a tuple is seven numbers to pass to every routine.
    """

    #: (6, K, N, H), see PRE and so on.
    layers: Array
    #: (3, N, H): gradients of layers' outputs, which take turns, and DRAWN.
    tables: Array
    #: (3, H): two for sums, and NUMBER.
    units: Array
    #: 1 / deviation of the normalization, (K, max(N, H)).
    inverse: Array
    logits: Array  # (N, C)
    #: The same by class, (C + 2, N), and two rows to compute in.
    by_class: Array
    rows: Array  # (N, D)
    #: (3, P), see GRADIENT and so on.
    parameters: Array
    #: What a look gathers, (K, 3) and (K, 3, H).
    sums: Array
    extremes: Array


#: In `layers`: linear output, and once activated the derivative there; output of the activation;
#: normalised linear output; derivative by a learned number; what dropout multiplies with, and what
#: comes of it.
PRE, ACTIVE, NORMAL, TANGENT, MASK, DROPPED = range(6)
#: In `tables` and in `units`: the activation's number by row and unit, and by unit.
DRAWN, NUMBER = 2, 2
#: In `parameters`: gradients; parameters before a step that is looked at; a weight transposed.
GRADIENT, BEFORE, TURNED = range(3)


@inlined
def weight(flat: Array, net: NetworkSpec, k: int) -> Array:
    """View the weight of the k-th hidden layer, counted from 1, or of the output layer, 0."""
    start = net.width * net.outputs
    if k == 0:
        return flat[:start].reshape(net.width, net.outputs)
    if k == 1:
        return flat[start : start + net.features * net.width].reshape(net.features, net.width)
    size = net.width * net.width
    start += net.features * net.width + (k - 2) * size
    return flat[start : start + size].reshape(net.width, net.width)


@inlined
def weights_end(net: NetworkSpec) -> int:
    """Return where the vectors begin."""
    return net.width * (net.outputs + net.features + (net.depth - 1) * net.width)


@inlined
def output_bias(flat: Array, net: NetworkSpec) -> Array:
    """View the output layer's bias, (C,)."""
    start = weights_end(net)
    return flat[start : start + net.outputs]


@inlined
def _vector(flat: Array, net: NetworkSpec, k: int, place: int, size: int) -> Array:
    vectors = 3 if net.normalization else 1
    layer = vectors * net.width + net.learned
    start = weights_end(net) + net.outputs + k * layer + place * net.width
    return flat[start : start + size]


@inlined
def bias(flat: Array, net: NetworkSpec, k: int) -> Array:
    """View the bias of the k-th hidden layer, counted from 0, (H,)."""
    return _vector(flat, net, k, 0, net.width)


@inlined
def scale(flat: Array, net: NetworkSpec, k: int) -> Array:
    """View the factor after its normalization, (H,)."""
    return _vector(flat, net, k, 1, net.width)


@inlined
def offset(flat: Array, net: NetworkSpec, k: int) -> Array:
    """View what is added before activation: the bias, or the shift after a normalization, (H,)."""
    return _vector(flat, net, k, 2 if net.normalization else 0, net.width)


@inlined
def learned(flat: Array, net: NetworkSpec, k: int) -> Array:
    """View what its activation learns."""
    return _vector(flat, net, k, 3 if net.normalization else 1, net.learned)
