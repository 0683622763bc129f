"""Learning-rate schedules: the factor on the base learning rate at each step."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

#: Name -> function of (steps made so far, steps of the whole training) that returns the factor.
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda _step, _steps: 1.0,
    # Loshchilov & Hutter (2017), SGDR, without restarts.
    "cosine": lambda step, steps: 0.5 * (1.0 + cos(pi * step / steps)),
}
