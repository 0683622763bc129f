"""What is done with one minibatch: the gradients, a whole step, or a prediction.

Every method is a sequence of kernels whose shapes repeat and that waits for nothing on the host: a
GPU can make a graph of it. Notation as in `search.engines.stacked.stack`; S streams, K hidden
layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from search.engines.stacked.optimizer_step import StackOptimizer
from search.engines.stacked.stack import Stack
from search.networks.dimensions import Dimensions
from search.study import Task


class Passes:
    """The passes over one stack of the minibatches of its streams."""

    def __init__(
        self,
        stack: Stack,
        optimizer: StackOptimizer,
        *,
        streams: Sequence[int],
        noise_kinds: Sequence[str],
        task: Task,
        dimensions: Dimensions,
    ) -> None:
        """`streams` has the stream of each lane, in the order of the stack."""
        self._stack, self._optimizer = stack, optimizer
        self._lanes = len(streams)
        self._streams = torch.tensor(streams, device=dimensions.device)
        self._kinds = noise_kinds
        self._target = torch.int64 if task is Task.MULTICLASS else dimensions.dtype
        #: Sums of each lane's losses over the steps since somebody set them to zero, (L,).
        self.losses = dimensions.zeros(self._lanes)

    def step(self, x: Tensor, y: Tensor, *noise: Tensor) -> Tensor:
        """Make one step and return `losses`; the arguments are those of `differentiate`."""
        self.differentiate(x, y, *noise)
        self._optimizer.apply()
        return self.losses

    def differentiate(self, x: Tensor, y: Tensor, *noise: Tensor) -> None:
        """Write the gradients of a minibatch, and add its losses to `losses`.

        `x` is (S, N, D), `y` (S, N), and there is a `noise` (S, K, N, H) of each kind.
        """
        by_kind = {
            kind: [self.spread(field) for field in part.unbind(1)]
            for kind, part in zip(self._kinds, noise, strict=True)
        }
        spread = self.spread(x)
        self._stack.forward(
            spread,
            training=True,
            dropout_noise=by_kind.get("dropout"),
            slope_noise=by_kind.get("slope"),
        )
        self.losses += self._stack.backward(spread, self.spread(y).to(self._target))

    def predict(self, x: Tensor) -> Tensor:
        """Return the logits (L, C, N) of `x` (S, N, D), a buffer that the next pass overwrites."""
        return self._stack.forward(self.spread(x), training=False)

    def spread(self, by_stream: Tensor) -> Tensor:
        """Return the slice of each lane's stream, (S, ...) -> (L, ...), a view where S is one."""
        if len(by_stream) == 1:
            return by_stream.expand(self._lanes, *by_stream.shape[1:])
        return by_stream.index_select(0, self._streams)
