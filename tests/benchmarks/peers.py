"""The peers by letter, each run in a fresh process of its own.

`python -m tests.benchmarks.peers A --trials 20 --epochs 30 --seed 0 [--prune]` prints a run as
JSON. Seconds are counted from the start of a peer's first trial to the end of its last one, which
leaves out its imports and the start of its processes: ours runs as a service that is up already.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
from optuna.trial import TrialState

from tests.benchmarks.work import EPOCHS, reference_split


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One way to do the same search."""

    letter: str
    title: str
    module: str
    #: What it needs that is not there by default.
    needs: str | None = None

    @property
    def missing(self) -> bool:
        """Whether the package it needs is not installed."""
        return self.needs is not None and find_spec(self.needs) is None


PEERS: dict[str, Peer] = {
    peer.letter: peer
    for peer in (
        Peer(letter="A", title="Optuna tutorial, one process", module="peer_a"),
        Peer(letter="B", title="Optuna by an expert, two processes", module="peer_b"),
        Peer(letter="C", title="Ray Tune with OptunaSearch", module="peer_c", needs="ray"),
        Peer(
            letter="D",
            title="OptunaSearchCV over MLPClassifier",
            module="peer_d",
            needs="optuna_integration",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTrial:
    """One trial of a peer."""

    state: str
    #: Validation log loss after the last epoch; None unless complete.
    value: float | None
    #: Seconds from the start of the first trial to the start and the end of this one.
    started: float
    finished: float
    params: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """What a peer did; trials by number."""

    letter: str
    trials: tuple[PeerTrial, ...]

    @property
    def seconds(self) -> float:
        """Wall time of the search."""
        return max(trial.finished for trial in self.trials)

    @property
    def best(self) -> float:
        """The score it ends with."""
        return min(trial.value for trial in self.trials if trial.value is not None)

    @property
    def seconds_to_best(self) -> float:
        """Seconds until that score was reached first."""
        best = self.best
        return min(trial.finished for trial in self.trials if trial.value == best)


def run_peer(
    letter: str, *, trials: int, epochs: int = EPOCHS, seed: int = 0, prune: bool = False
) -> PeerRun:
    """Run a peer in a process of its own; raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "tests.benchmarks.peers", letter, f"--trials={trials}"]
    command += [f"--epochs={epochs}", f"--seed={seed}", *(["--prune"] if prune else [])]
    # A user has not set the number of threads; ours sets its own.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment, text=True
    ).stdout
    run = json.loads(output.splitlines()[-1])
    return PeerRun(letter=letter, trials=tuple(PeerTrial(**trial) for trial in run["trials"]))


def _read(letter: str, study: optuna.Study) -> PeerRun:
    began = min(trial.datetime_start for trial in study.trials if trial.datetime_start)
    sign = -1.0 if study.direction is optuna.study.StudyDirection.MAXIMIZE else 1.0
    return PeerRun(
        letter=letter,
        trials=tuple(
            PeerTrial(
                state=trial.state.name.lower(),
                value=sign * trial.value
                if trial.state is TrialState.COMPLETE and trial.value is not None
                else None,
                started=(trial.datetime_start - began).total_seconds(),
                finished=(trial.datetime_complete - began).total_seconds(),
                params=trial.params,
            )
            for trial in study.trials
            if trial.datetime_start is not None and trial.datetime_complete is not None
        ),
    )


def main() -> None:
    """Run one peer and print what it did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("letter", choices=sorted(PEERS))
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prune", action="store_true")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    peer = import_module(f"tests.benchmarks.{PEERS[arguments.letter].module}")
    with TemporaryDirectory(prefix="bench-peer-") as folder:
        study = peer.search(
            reference_split(arguments.seed),
            trials=arguments.trials,
            epochs=arguments.epochs,
            seed=arguments.seed,
            prune=arguments.prune,
            folder=Path(folder),
        )
        run = _read(arguments.letter, study)
    print(json.dumps(asdict(run)))


if __name__ == "__main__":
    main()
