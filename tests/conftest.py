"""What all tests share."""

from __future__ import annotations

import os

# One thread a process: tests run in parallel, and threads that wait for each other spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: compressed ones hold the time, and workers must agree."""
    return argname if isinstance(val, bytes) else None
