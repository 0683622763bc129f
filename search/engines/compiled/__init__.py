"""Training compiled for the processor it runs on, where Numba is installed.

On a processor, most of what a training step costs beside its matrix products are passes over
memory: the smaller the memory, the quicker. Lanes are therefore trained one after another, each
through many steps in one call, so that its parameters, moments and buffers stay in the second
cache; products are SciPy's BLAS, called from inside. `search.engines.stacked.engine` does the same
on any device, all lanes at once, step by step.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


@cache
def can_compile(device: str) -> bool:
    """Whether code can be compiled for `device`; only then may the package's modules be imported.

    Only for the processor, and Numba is left out where it does not support the Python at hand yet
    (see pyproject.toml).
    """
    return device == "cpu" and find_spec("numba") is not None
