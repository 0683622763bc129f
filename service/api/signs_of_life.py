"""Signs of life of a process: bytes that it writes now and then on its standard output."""

from __future__ import annotations

import os
import subprocess
from threading import Thread
from time import monotonic

#: A process that starts loads its libraries first, from a slow disk perhaps.
_START_S = 120.0


class SignsOfLife:
    """Hears the signs of one process, from its start to its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """`process` was started with a pipe for its standard output."""
        if process.stdout is None:
            raise ValueError("the process has no pipe for its standard output")
        self._last = monotonic() + _START_S
        Thread(target=self._hear, args=(process.stdout.fileno(),), daemon=True).start()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last sign; negative while the process may still be starting."""
        return monotonic() - self._last

    def _hear(self, stream: int) -> None:
        try:
            while os.read(stream, 1024):
                self._last = monotonic()
        except OSError:
            return  # closed, since the process has ended
