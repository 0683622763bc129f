"""A function of tensors of fixed shapes as a CUDA graph: many kernels, launched as one.

The kernels of a step take a GPU a few microseconds each, and a processor as long to launch one by
one. A graph holds them all and is launched once. It reads and writes the memory that it was
captured with, so inputs are copied into tensors of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

#: Calls that launch kernel by kernel before the graph is captured, which takes as long as some ten
#: of them: short trainings go without, and libraries have set themselves up by then.
CAPTURE_AFTER = 8

Step: TypeAlias = Callable[..., Tensor]


class Graphed:
    """Calls a function, by its graph once it has been called often enough.

    Every call is to have tensors of the same shapes. What it returns is overwritten by the next.
    """

    def __init__(self, function: Step) -> None:
        """Take a `function` that waits for nothing on the host."""
        self._function = function
        self._inputs: tuple[Tensor, ...] | None = None
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._output = torch.empty(0)
        self._can_capture = True

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return what the function returns for `inputs`."""
        if self._inputs is None:
            self._inputs = tuple(
                torch.empty_like(given, memory_format=torch.contiguous_format) for given in inputs
            )
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        if self._graph is None and self._can_capture and self._calls >= CAPTURE_AFTER:
            self._capture(self._inputs)
        if self._graph is None:
            self._calls += 1
            return self._function(*self._inputs)
        self._graph.replay()
        return self._output

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            # Captures what the function would do, without doing it.
            with torch.cuda.graph(graph):
                self._output = self._function(*inputs)
        except RuntimeError as error:
            # Out of memory, or an activation whose formula waits for the host.
            self._can_capture = False
            warnings.warn(
                f"steps are launched kernel by kernel, for no CUDA graph could be made: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self._graph = graph


def graphed(function: Step, device: str) -> Step:
    """Return `function` as a graph on a GPU, and as it is on a processor."""
    return Graphed(function) if device.startswith("cuda") else function
