"""The arrays that the compiled passes of a lane work on, and the layout of its parameters.

Notation: N rows of a minibatch, D features, H width, C outputs, K hidden layers of the lane, P
parameters. A lane's parameters are one flat array in the order of `LaneState`: output weight
(H, C), weights of layers 1 to K, output bias, then layer by layer bias, scale and shift of a
normalization, and the learned numbers of the activation. Gradients and moments are laid out alike.
"""

from __future__ import annotations

from typing import NamedTuple

from search.engines.compiled.jit import Array, inlined


class NetworkSpec(NamedTuple):
    """The network of a lane."""

    #: Address of the compiled loop of its activation.
    activation: int
    depth: int
    width: int
    features: int
    outputs: int
    #: Index of its normalization in `NORMALIZATIONS`; 0 is none.
    normalization: int
    #: Learned numbers of the activation, and their elements in each layer: as many, or as many
    #: times the width.
    learned_numbers: int
    learned: int
    #: Value of LOSS_INDEX in `search.engines.compiled.losses`.
    loss: int


class OptimizerSpec(NamedTuple):
    """The settings that a lane is trained by; the learning rate is given step by step."""

    #: The activation's numbers (M,), of which the learned ones, the first, are not read; where one
    #: is drawn, that of evaluation.
    numbers: Array
    #: Whether training draws the number uniformly from [lower, upper].
    noisy: bool
    lower: float
    upper: float
    dropout: float
    #: Largest norm of the gradient; infinity for no clipping.
    clip: float
    #: AdamW, with its decoupled weight decay, where true; SGD where false.
    adaptive: bool
    momentum: float
    decay: float


class LaneBuffers(NamedTuple):
    """The state of a lane, which training changes in place."""

    values: Array  # (P,)
    first: Array  # (P,), moments as in `LaneState`
    second: Array  # (P,), empty for SGD
    running: Array  # (K, 2, H), empty without batch normalization


class Workspace(NamedTuple):
    """Buffers that lanes use one after another.

    They are few arrays of many parts, because each field of a tuple is seven numbers to pass to
    every compiled function.
    """

    #: (5 + J, K, N, H), indexed by PRE to PARAMETER_DERIVATIVE, the first of J learned numbers.
    layers: Array
    #: (3, N, H): the gradients of the outputs of even and of odd layers, and NOISE.
    tables: Array
    #: (2 + M, H): two rows of scratch, and from NUMBER on those of the activation's numbers.
    units: Array
    #: 1 / deviation of the normalization, (K, max(N, H)).
    inverse: Array
    logits: Array  # (N, C)
    #: The logits by class and two rows of scratch, (C + 2, N).
    by_class: Array
    rows: Array  # (N, D)
    #: (3, P), indexed by GRADIENT to TRANSPOSED.
    parameters: Array
    #: Accumulated statistics of the layers (see `layer_statistics`), (K, 3) and (K, 3, H).
    statistic_sums: Array
    statistic_extremes: Array


#: Indices of `layers`: the linear output, overwritten by f' at the activation; the output of the
#: activation; the normalised linear output; the dropout mask; the output after dropout; the
#: derivatives by learned numbers.
PRE, ACTIVE, NORMAL, MASK, DROPPED, PARAMETER_DERIVATIVE = range(6)
#: Index of `tables`: the activation's number drawn by row and unit. Index of `units`: its first
#: number by unit.
NOISE, NUMBER = 2, 2
#: Indices of `parameters`: gradients; the parameters before a step that is measured; a transposed
#: weight.
GRADIENT, BEFORE, TRANSPOSED = range(3)


@inlined
def weight(flat: Array, network: NetworkSpec, k: int) -> Array:
    """View the weight of the k-th hidden layer, counted from 1, or of the output layer, 0."""
    start = network.width * network.outputs
    if k == 0:
        return flat[:start].reshape(network.width, network.outputs)
    if k == 1:
        return flat[start : start + network.features * network.width].reshape(
            network.features, network.width
        )
    size = network.width * network.width
    start += network.features * network.width + (k - 2) * size
    return flat[start : start + size].reshape(network.width, network.width)


@inlined
def weights_end(network: NetworkSpec) -> int:
    """Return the index at which the vectors begin."""
    return network.width * (
        network.outputs + network.features + (network.depth - 1) * network.width
    )


@inlined
def output_bias(flat: Array, network: NetworkSpec) -> Array:
    """View the output layer's bias, (C,)."""
    start = weights_end(network)
    return flat[start : start + network.outputs]


@inlined
def _vector(flat: Array, network: NetworkSpec, k: int, index: int, size: int) -> Array:
    vectors = 3 if network.normalization else 1
    layer = vectors * network.width + network.learned
    start = weights_end(network) + network.outputs + k * layer + index * network.width
    return flat[start : start + size]


@inlined
def bias(flat: Array, network: NetworkSpec, k: int) -> Array:
    """View the bias of the k-th hidden layer, counted from 0, (H,)."""
    return _vector(flat, network, k, 0, network.width)


@inlined
def scale(flat: Array, network: NetworkSpec, k: int) -> Array:
    """View the scale of the normalization of a hidden layer, (H,)."""
    return _vector(flat, network, k, 1, network.width)


@inlined
def offset(flat: Array, network: NetworkSpec, k: int) -> Array:
    """View the vector added before activation, (H,): the bias, or the shift of a normalization."""
    return _vector(flat, network, k, 2 if network.normalization else 0, network.width)


@inlined
def learned(flat: Array, network: NetworkSpec, k: int) -> Array:
    """View the learned numbers of the activation of a hidden layer, (J,) or (J * H,)."""
    return _vector(flat, network, k, 3 if network.normalization else 1, network.learned)
