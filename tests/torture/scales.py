"""How much is tried: by `make torture`, with `QUICK=1`, and in `make test`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The numbers of one run."""

    name: str
    #: Processes killed, as many as can be in so many seconds.
    kills: int
    kill_seconds: float
    #: Seconds that another program holds SQLite's file, and requests sent meanwhile.
    held_seconds: float
    posts: int
    #: Ways to hang.
    stalls: int
    #: Hostile tables; each kind is tried once, as far as this goes.
    tables: int
    #: Seconds of load, and clients that wait meanwhile.
    soak_seconds: float
    waiting: int
    #: Cases of schemathesis, with keys and without together.
    cases: int
    #: Times the seconds that a figure allows: tests run beside others.
    patience: float = 1.0


FULL = Scale(
    name="full",
    kills=200,
    kill_seconds=3000,
    held_seconds=90,
    posts=60,
    stalls=5,
    tables=100,
    soak_seconds=1800,
    waiting=200,
    cases=10_000,
)
QUICK = Scale(
    name="quick",
    kills=6,
    kill_seconds=300,
    held_seconds=20,
    posts=30,
    stalls=2,
    tables=10,
    soak_seconds=30,
    waiting=50,
    cases=300,
)
SMOKE = Scale(
    name="smoke",
    kills=3,
    kill_seconds=300,
    held_seconds=8,
    posts=12,
    stalls=1,
    tables=3,
    soak_seconds=10,
    waiting=20,
    cases=60,
    patience=10.0,
)
SCALES = {scale.name: scale for scale in (FULL, QUICK, SMOKE)}
