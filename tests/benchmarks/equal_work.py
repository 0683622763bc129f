"""Equal work: the reference work without pruning, ours against each peer, by wall time.

Every tool runs TPE of its own, so proposals differ; what was proposed is kept beside the times as
the mean number of hidden layers and the multiplications that a tool's networks ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from tests.benchmarks.ours import OurRun, Service
from tests.benchmarks.peers import PEERS, PeerRun, run_peer
from tests.benchmarks.scales import Scale
from tests.benchmarks.work import PART_OF_D, PROCESSES, WIDTH, reference_split, study_body


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How quickly one tool did its part."""

    tool: str
    #: Trials done.
    trials: int
    #: Median wall seconds of all of them.
    seconds: float
    #: Mean number of hidden layers.
    depth: float
    #: Weights of all networks, which their multiplications follow.
    weights: int

    @property
    def per_network(self) -> float:
        """Seconds a network."""
        return self.seconds / self.trials

    @property
    def per_weight(self) -> float:
        """Seconds a weight: the rate where depths are made equal."""
        return self.seconds / self.weights


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualWork:
    """The rates; `ours_part` is ours on the part of the space that peer D knows."""

    ours: Rate
    ours_part: Rate
    peers: Mapping[str, Rate]
    #: Share of our study's time, cores counted, that was spent outside segments.
    outside: float

    def ratio(self, letter: str, *, by_weight: bool = False) -> float:
        """How many times less we take than a peer."""
        ours = self.ours_part if letter == "D" else self.ours
        peer = self.peers[letter]
        if by_weight:
            return peer.per_weight / ours.per_weight
        return peer.per_network / ours.per_network


def equal_work(scale: Scale, service: Service, letters: Iterable[str]) -> EqualWork:
    """Run ours and the peers called `letters`, in turn."""
    peers = {}
    for letter in letters:
        run = run_peer(letter, trials=scale.peer_trials[letter], epochs=scale.epochs)
        peers[letter] = _peer_rate(run)
    body = study_body(trials=scale.trials, epochs=scale.epochs)
    runs = [service.run(body) for _ in range(scale.repeats)]
    part = study_body(trials=scale.trials, epochs=scale.epochs, space=PART_OF_D)
    part_runs = [service.run(part) for _ in range(scale.repeats if "D" in peers else 1)]
    typical = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    return EqualWork(
        ours=_our_rate("ours", runs),
        ours_part=_our_rate("ours, D's part", part_runs),
        peers=peers,
        outside=1.0 - typical.fit_seconds / (PROCESSES * typical.seconds),
    )


def _our_rate(tool: str, runs: list[OurRun]) -> Rate:
    trials = runs[0].trials
    return Rate(
        tool=tool,
        trials=len(trials),
        seconds=median(run.seconds for run in runs),
        depth=fmean(trial["params"]["depth"] for trial in trials),
        weights=sum(_weights(trial["params"]["depth"]) for trial in trials),
    )


def _peer_rate(run: PeerRun) -> Rate:
    depths = [depth_of(trial.params) for trial in run.trials]
    return Rate(
        tool=f"{run.letter}: {PEERS[run.letter].title}",
        trials=len(run.trials),
        seconds=run.seconds,
        depth=fmean(depths),
        weights=sum(map(_weights, depths)),
    )


def depth_of(params: Mapping[str, Any]) -> int:
    """Hidden layers of a peer's configuration; D counts the tuple of their widths."""
    sizes = params.get("hidden_layer_sizes")
    return int(params["depth"]) if sizes is None else len(sizes)


def _weights(depth: int) -> int:
    split = reference_split()
    features: int = split.x_train.shape[1]
    return WIDTH * (features + (depth - 1) * WIDTH + split.classes)
