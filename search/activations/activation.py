"""All facts of one activation function, and what follows from them: values, slopes, gains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from search.activations import gains
from search.activations.expression_tree import Node
from search.activations.formulas import NUMPY, Array, Namespace, Numbers
from search.activations.gains import Gain
from search.activations.parameter import Parameter
from search.activations.program import Derivatives, derivatives, trace
from search.study import Expression, ParamValue, Task

#: `expression(xp, z, p)` is f(z), elementwise and in the shape of `z`, written with operators and
#: the functions of the array namespace `xp`; `p` holds the activation's numbers by short name.
#: The arrays are NumPy's or torch's, hence Any.
Code: TypeAlias = Callable[[Namespace, Any, Mapping[str, Any]], Any]

_numerical_gain = cache(gains.numerical_gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """All facts of one activation function."""

    #: The name under which studies store it: never changed.
    name: str
    title: str
    #: Plain text, `z` the pre-activation.
    formula: str
    #: The same formula in code.
    expression: Code
    #: Cost of one element going forward: 1 for a comparison, sum, product or quotient, 10 for an
    #: exponential, logarithm, tanh, Φ or random number. A rank, not a time.
    operations: int
    #: Title of the paper that proposed it, with authors and (year).
    paper: str
    #: E[f(z)²]^(-1/2) for z ~ N(0, 1) where a closed form is known; None: by quadrature, which
    #: expects kinks at whole numbers only.
    exact_gain: Gain | None = None
    #: Gain of He et al. (2015): sqrt(2), but for rectifiers with a slope below zero.
    he_gain: Gain = gains.rectifier_gain
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    #: Whether it may stand in hidden layers and so in a search space.
    hidden: bool = True
    #: Whether the slope is drawn uniformly from [lower, upper] at every training step.
    noisy: bool = False
    #: Tasks at whose output it stands.
    output_for: tuple[Task, ...] = ()
    note: str = ""
    #: The expression it was made from, where it is a person's own; None for a row of the catalog.
    own: Expression | None = None

    @property
    def listed(self) -> bool:
        """Whether it is a row of the catalog, not a person's own."""
        return self.own is None

    @property
    def number_names(self) -> tuple[str, ...]:
        """Names of the numbers among its parameters; those that may be learned come first."""
        return tuple(p.name for p in self.parameters if p.is_number)

    @property
    def learnable(self) -> tuple[str, ...]:
        """Names of the numbers that training may change."""
        return tuple(p.name for p in self.parameters if p.is_number and p.learned)

    @property
    def tree(self) -> Node:
        """The formula as a tree."""
        return trace(self.expression, self.number_names)

    @property
    def derivatives(self) -> Derivatives:
        """Programs of the formula and its derivatives, by z and by what training may change."""
        return _derivatives(self)

    def function(self, z: Array, numbers: Numbers) -> Array:
        """Return f(z) in NumPy, in the shape of `z`; `numbers` as `Activation.numbers` gives."""
        return np.asarray(self.expression(NUMPY, z, numbers), dtype=np.float64)

    def slope(self, z: Array, numbers: Numbers) -> Array:
        """Return f'(z) in NumPy, in the shape of `z`; at a kink that of one of the sides."""
        with np.errstate(all="ignore"):
            (slope,) = self.derivatives.slope.run(NUMPY, z, numbers)
        return np.broadcast_to(np.asarray(slope, dtype=np.float64), np.shape(z))

    def gain(self, numbers: Numbers) -> float:
        """Return the factor on weights that keeps signals at their size (`gains` defines it)."""
        return (self.exact_gain or _numerical_gain(self.function))(numbers)

    @property
    def simplicity(self) -> tuple[int, int]:
        """Sorts the simplest first: parameters to tune or to learn, then operations."""
        knobs = sum(p.searched or p.learned is True for p in self.parameters)
        return knobs, self.operations

    def axis_name(self, parameter: str) -> str:
        """Name of the axis of `parameter` in a search space."""
        return f"{self.name}_{parameter}"

    def options(self, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Every parameter by its short name, read from a whole configuration, else the default."""
        return {p.name: params.get(self.axis_name(p.name), p.default) for p in self.parameters}

    def numbers(self, params: Mapping[str, ParamValue]) -> dict[str, float]:
        """Return the numbers among `options`, which `function` and `gain` take."""
        options = self.options(params)
        return {p.name: float(options[p.name] or 0.0) for p in self.parameters if p.is_number}


@cache
def _derivatives(row: Activation) -> Derivatives:
    return derivatives(row.tree, row.learnable)
