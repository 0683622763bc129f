"""Equal work: the reference work without pruning, ours against each peer, by wall time.

Every tool runs a TPE of its own, so what it trains differs, and deeper networks take longer. Each
peer's seconds are therefore those that it would need for the very depths that ours trained: a
straight line through its trials' seconds over their depths, summed over our trials, divided by the
trials it had under way at a time. That also makes up for fewer trials than ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from tests.benchmarks.ours import OurRun, Service
from tests.benchmarks.peers import PeerRun, run_peer
from tests.benchmarks.scales import Scale
from tests.benchmarks.work import PART_OF_D, PROCESSES, study_body


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerWork:
    """How long a peer takes."""

    trials: int
    #: Mean number of hidden layers.
    depth: float
    seconds: float
    #: Seconds of a trial: (without hidden layers, for each of them).
    line: tuple[float, float]
    #: Trials under way at a time, idle moments counted.
    parallel: float
    #: Seconds for what ours trained.
    our_work_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OurWork:
    """How long ours takes for its `trials`, in the middle of its runs."""

    trials: int
    depth: float
    #: Of every run.
    runs: tuple[float, ...]
    seconds: float
    #: Share of the time, cores counted, that was spent outside segments.
    outside: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualWork:
    """`part` is ours on the part of the space that peer D knows."""

    ours: OurWork
    part: OurWork
    peers: Mapping[str, PeerWork]

    def against(self, letter: str) -> OurWork:
        """Return our work that a peer is compared with."""
        return self.part if letter == "D" else self.ours

    def ratio(self, letter: str) -> float:
        """How many times less we take than a peer."""
        return self.peers[letter].our_work_seconds / self.against(letter).seconds


def equal_work(scale: Scale, service: Service, letters: str) -> EqualWork:
    """Run the peers called `letters`, and ours in between, so that both see the same machine."""
    whole = study_body(trials=scale.trials, epochs=scale.epochs)
    part = study_body(trials=scale.trials, epochs=scale.epochs, space=PART_OF_D)
    runs, part_runs = [service.run(whole)], [service.run(part)]
    peer_runs = []
    for turn, letter in enumerate(letters, start=1):
        peer_runs.append(run_peer(letter, trials=scale.peer_trials[letter], epochs=scale.epochs))
        if turn < scale.repeats:
            runs.append(service.run(whole))
            part_runs.append(service.run(part))
    ours, ours_part = _our_work(runs), _our_work(part_runs)
    depths = {"D": _depths(part_runs[0])}
    return EqualWork(
        ours=ours,
        part=ours_part,
        peers={
            run.letter: peer_work(run, depths.get(run.letter, _depths(runs[0])))
            for run in peer_runs
        },
    )


def peer_work(run: PeerRun, our_depths: Sequence[int]) -> PeerWork:
    """Work out what `run` says of networks of `our_depths`."""
    depths = [depth_of(trial.params) for trial in run.trials]
    durations = [trial.finished - trial.started for trial in run.trials]
    # Two depths at least make a line; for one the mean must do.
    several = len(set(depths)) > 1
    slope, start = np.polyfit(depths, durations, 1) if several else (0.0, fmean(durations))
    parallel = sum(durations) / run.seconds
    return PeerWork(
        trials=len(run.trials),
        depth=fmean(depths),
        seconds=run.seconds,
        line=(float(start), float(slope)),
        parallel=parallel,
        our_work_seconds=float(sum(start + slope * depth for depth in our_depths) / parallel),
    )


def depth_of(params: Mapping[str, Any]) -> int:
    """Hidden layers of a peer's configuration; D counts the tuple of their widths."""
    sizes = params.get("hidden_layer_sizes")
    return int(params["depth"]) if sizes is None else len(sizes)


def _our_work(runs: Sequence[OurRun]) -> OurWork:
    typical = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    return OurWork(
        trials=len(typical.trials),
        depth=fmean(_depths(typical)),
        runs=tuple(run.seconds for run in runs),
        seconds=typical.seconds,
        outside=1.0 - typical.fit_seconds / (PROCESSES * typical.seconds),
    )


def _depths(run: OurRun) -> list[int]:
    return [int(trial["params"]["depth"]) for trial in run.trials]
