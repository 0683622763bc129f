"""Opaque ids: a short prefix for the kind of thing, and 60 random bits."""

from __future__ import annotations

import secrets

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 characters that are not mistaken for each other
_LENGTH = 12

STUDY = "st"
DATASET = "ds"
REQUEST = "rq"


def new_id(prefix: str) -> str:
    """Return for example `st_k3fxw8mq2abz`."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"
