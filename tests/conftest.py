"""What all tests share."""

from __future__ import annotations

import os

# One thread a process: tests run in parallel, and threads that wait for each other spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
