"""An activation that a library has no layer for, as the parts of a class that a person reads."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from search.activations import Activation
from search.exports.formulas import (
    FUNCTIONS,
    Functions,
    constant,
    formula_of,
    source_of,
    statements_of,
)
from search.networks.trained_network import HiddenLayer


def fixed_number(layer: HiddenLayer, name: str) -> float:
    """Return a fixed number of an activation as it was given, not as float32 has rounded it."""
    return float(str(layer.numbers[name][0]))


def class_name(row: Activation) -> str:
    """Return what the class is called."""
    name = "".join(word.capitalize() for word in row.name.split("_"))
    # A person may call theirs as another class is called.
    return name if row.listed else f"{name}Activation"


def attribute_name(row: Activation, name: str) -> str:
    """Return the attribute that holds a learned number.

    A person may call theirs by a word of Python or as an attribute of all layers is called.
    """
    return name if row.listed else f"learned_{name}"


def class_docstring(row: Activation) -> str:
    """Return the line below the class."""
    return f'    """{row.title}: {" ".join(row.formula.split())}."""'


def body_of(
    layer: HiddenLayer,
    learned: Sequence[str],
    called: Callable[[str], str],
    functions: Functions = FUNCTIONS,
) -> list[str]:
    """Return the lines of a method that returns f(z); learned numbers are attributes of `self`."""
    row = layer.row
    fixed = {name: fixed_number(layer, name) for name in layer.numbers if name not in learned}
    trained = {
        name: ast.parse(f"self.{attribute_name(row, name)}", mode="eval").body for name in learned
    }
    if row.listed:
        numbers = {**trained, **{name: constant(value) for name, value in fixed.items()}}
        return [f"return {source_of(formula_of(row, numbers, functions), called)}"]
    return statements_of(row, fixed, trained, called, functions)
