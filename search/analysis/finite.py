"""Numbers that results can hold: what is not finite becomes None."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from search.study import ParamValue


def finite(value: float) -> float | None:
    """Return `value`, None where it is not finite."""
    return value if isfinite(value) else None


def finite_params(params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Return `params` with None for numbers that are not finite."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in params.items()
    }
