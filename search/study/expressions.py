"""Activation functions of a person's own, as written in a study."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionParameter:
    """A number of an expression: fixed, searched between two ends, learned, or both."""

    name: str
    #: Its value, or where training starts from.
    default: float
    #: The range to search; None where it is not searched.
    low: float | None = None
    high: float | None = None
    #: Whether the range is searched on a logarithmic scale.
    log: bool = False
    #: Whether training changes it, one value a layer.
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """An activation function by its formula in `x`; `search.activations.parser` reads it."""

    #: The arm's name, in the study that defines it.
    name: str
    expression: str
    parameters: tuple[ExpressionParameter, ...] = ()
