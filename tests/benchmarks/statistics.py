"""How sure a median of few numbers is."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, pi, sqrt
from statistics import stdev


def median_error(values: Sequence[float]) -> float:
    """Standard error of the median under normality, sqrt(pi / 2) SD / sqrt(n); nan of one."""
    return sqrt(pi / 2 / len(values)) * stdev(values) if len(values) > 1 else nan
