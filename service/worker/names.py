"""Names of workers in the database: the machine, the process, and what tells its workers apart."""

from __future__ import annotations

import os
import socket
from secrets import token_hex


def new_name() -> str:
    """Return a name for a worker of this process."""
    return f"{socket.gethostname()}-{os.getpid()}-{token_hex(3)}"


def is_of_this_machine(name: str) -> bool:
    """Whether `name` is of a worker of this machine, or of this container."""
    host, *process = name.rsplit("-", 2)
    return len(process) == 2 and host == socket.gethostname()
