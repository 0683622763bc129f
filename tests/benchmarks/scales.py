"""How much each benchmark measures: in full, in two minutes, or just enough to see it run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Numbers of trials, repeats, seconds."""

    name: str
    epochs: int = 30
    #: Trials of each peer in the equal-work row, by letter; the rate a network is compared.
    peer_trials: dict[str, int]
    #: Trials of our study in that row, and how often it is run.
    trials: int = 200
    repeats: int = 3
    #: Pairs of studies, one seed each, for the time to a score.
    seeds: int = 5
    score_trials: int = 200
    #: Trials of the study whose overhead and memory are looked at.
    long_trials: int = 1000
    #: Trials known before the two studies whose cost of a trial is compared.
    histories: tuple[int, int] = (500, 5000)
    later_trials: int = 96
    #: Activations whose step is measured; None: all.
    activations: tuple[str, ...] | None = None
    engine_repeats: int = 2
    #: Networks that are trained together against JAX.
    lanes: int = 40
    #: Batches of 32 trials recorded by us, trials recorded by RDBStorage.
    recorded: tuple[int, int] = (8, 30)
    clients: int = 50
    polling_seconds: float = 20.0


FULL = Scale(name="full", peer_trials={"A": 60, "B": 100, "C": 40, "D": 60})
QUICK = Scale(
    name="quick",
    peer_trials={"A": 24, "B": 48, "C": 12, "D": 30},
    trials=100,
    repeats=1,
    seeds=1,
    score_trials=24,
    long_trials=300,
    histories=(200, 2000),
    later_trials=32,
    activations=("relu", "gelu", "tanh"),
    engine_repeats=1,
    recorded=(4, 10),
    polling_seconds=5.0,
)
SMOKE = Scale(
    name="smoke",
    epochs=1,
    peer_trials={"A": 2, "B": 2, "C": 2, "D": 2},
    trials=4,
    repeats=1,
    seeds=1,
    score_trials=2,
    long_trials=8,
    histories=(5, 10),
    later_trials=4,
    activations=("relu",),
    engine_repeats=1,
    lanes=4,
    recorded=(1, 2),
    clients=3,
    polling_seconds=1.0,
)
