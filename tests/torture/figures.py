"""A figure: what was measured, whether it is as it must be, and what it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement in words, with its details as JSON values."""

    shown: str
    holds: bool
    details: Mapping[str, Any] = field(default_factory=dict)
