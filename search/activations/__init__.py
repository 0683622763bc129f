"""The activation functions: one row each, with formula, parameters, gain and paper.

Imports `study` and `errors`; no torch. A name goes in, the row of facts comes out: the training
engines look their kernels up by the same name.
"""

from search.activations.activation import Activation
from search.activations.catalog import (
    ACTIVATIONS,
    ActivationName,
    get_activation,
    output_activation,
)
from search.activations.own import own_activation
from search.activations.parameter import Parameter

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ActivationName",
    "Parameter",
    "get_activation",
    "output_activation",
    "own_activation",
]
