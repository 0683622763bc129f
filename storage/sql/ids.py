"""Opaque ids: a short prefix that says what it is, and 60 random bits."""

from __future__ import annotations

import secrets

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 signs, none that looks like another
_LENGTH = 12

STUDY = "st"
DATASET = "ds"
REQUEST = "rq"


def new_id(prefix: str) -> str:
    """Return for example `st_k3fxw8mq2abz`."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"
