"""The story of a network as a file: what it is, what it scored, and all that trains it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def write_json(_: bytes, story: Mapping[str, Any]) -> bytes:
    """Return the story as JSON text."""
    return (json.dumps(story, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
