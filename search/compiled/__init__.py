"""Passes over a stack compiled for the processor it runs on, where Numba is installed.

On a processor, most of what a training step costs beside its matrix products are many small passes
over memory, each with a call of its own. Here one compiled loop adds the bias, activates and, on
the way back, multiplies with the derivative and sums up the bias's gradient; another makes the
optimizer's step. The kernels of `search.kernels` do the same on any device, step by step.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


@cache
def can_compile(device: str) -> bool:
    """Whether loops can be compiled for `device`; only then may the package's modules be imported.

    Only for the processor, and Numba is left out where it does not support the Python at hand yet
    (see pyproject.toml).
    """
    return device == "cpu" and find_spec("numba") is not None
