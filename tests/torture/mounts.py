"""Folders of a kind that a person's disk may become: small, or for reading alone.

They are mounts that the started program alone sees, so no rights are needed where Linux lets users
have namespaces of their own.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import psutil

_UNSHARE = ("unshare", "--map-root-user", "--mount", "sh", "-c")


def are_possible() -> bool:
    """Return whether this machine lets a program mount for itself."""
    if shutil.which("unshare") is None:
        return False
    command = [*_UNSHARE, "mount -t tmpfs none /mnt"]
    tried = subprocess.run(command, check=False, capture_output=True)
    return tried.returncode == 0


def small_disk(folder: Path, size: int) -> tuple[str, ...]:
    """Return what starts a program for which `folder` is an empty disk of `size` bytes."""
    mount = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    return (*_UNSHARE, mount, str(folder))


def read_only(folder: Path) -> tuple[str, ...]:
    """Return what starts a program for which `folder` may only be read."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return (*_UNSHARE, mount, str(folder))


def as_seen_by(process: psutil.Process, folder: Path) -> Path:
    """Return where this process finds the folder that `process` has mounted."""
    return Path(f"/proc/{process.pid}/root{folder}")
