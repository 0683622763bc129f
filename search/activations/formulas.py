"""The types of formulas, and the array namespaces in which a formula is written once for all.

An activation's formula uses operators and functions that NumPy and torch know under the same name
and with the same positional arguments: those of the array API standard (`clip`, `where`, `exp`,
`expm1`, `tanh`, ...) and the special functions `expit` (the logistic function), `ndtr` (the
standard normal distribution function) and `softmax`. In NumPy it is the reference for gains, plots
and tests; in torch it is a module, differentiated by autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Mapping[str, float]
Formula: TypeAlias = Callable[[Array, Numbers], Array]

#: Fixed point of mean 0 and variance 1 under standard normal inputs (Klambauer et al. 2017,
#: equation 14).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


class Namespace:
    """The functions of several modules under one name; the first module that has one wins."""

    def __init__(self, *modules: ModuleType) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the function called `name`; AttributeError where no module has it."""
        for module in self._modules:
            if hasattr(module, name):
                function: Callable[..., Any] = getattr(module, name)
                return function
        modules = " or ".join(module.__name__ for module in self._modules)
        raise AttributeError(f"a formula uses {name!r}, which is no function of {modules}")


NUMPY = Namespace(np, special)
