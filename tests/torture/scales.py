"""How much is tried: by `make torture`, with `QUICK=1`, and in `make test`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The numbers of one run."""

    name: str
    #: Processes killed.
    kills: int
    #: Seconds that another program holds SQLite's file, and requests sent meanwhile.
    held_seconds: float
    posts: int
    #: Hostile tables; each kind is tried once, as far as this goes.
    tables: int
    #: Seconds of load, and clients that wait meanwhile.
    soak_seconds: float
    waiting: int
    #: Cases of schemathesis, with keys and without together.
    cases: int


FULL = Scale(
    name="full", kills=200, held_seconds=90, posts=60, tables=100, soak_seconds=1800, waiting=200,
    cases=10_000,
)  # fmt: skip
QUICK = Scale(
    name="quick", kills=10, held_seconds=20, posts=30, tables=12, soak_seconds=60, waiting=50,
    cases=300,
)  # fmt: skip
SMOKE = Scale(
    name="smoke", kills=3, held_seconds=8, posts=12, tables=3, soak_seconds=10, waiting=20,
    cases=60,
)  # fmt: skip
SCALES = {scale.name: scale for scale in (FULL, QUICK, SMOKE)}
