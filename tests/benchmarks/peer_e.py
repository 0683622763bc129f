"""Peer E: JAX `vmap` over the networks that one of our stacks trains, both on one core.

`python -m tests.benchmarks.peer_e --lanes 40 --epochs 10` prints microseconds a lane-step of both:
one minibatch of one network, forward, backward and update.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from time import process_time

from search.training.backend import PROCESSOR
from search.training.executors import use_one_core
from tests.benchmarks.many_networks import BATCH, lanes_of, plan, stacked, vmapped

WIDTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Vmap:
    """Microseconds a lane-step, the least of some runs each."""

    lanes: int
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times less we take."""
        return self.theirs / self.ours


def is_there() -> bool:
    """Whether what the peer needs is installed."""
    return all(find_spec(name) is not None for name in ("jax", "optax"))


def against_vmap(*, lanes: int = 40, epochs: int = 10, repeats: int = 3) -> Vmap:
    """Measure both in a process of their own, in turn; CalledProcessError where it fails."""
    command = [sys.executable, "-m", "tests.benchmarks.peer_e"]
    command += [f"--lanes={lanes}", f"--epochs={epochs}", f"--repeats={repeats}"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Vmap(**json.loads(output.splitlines()[-1]))


def main() -> None:
    """Measure on one core and print what came."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, usual in (("lanes", 40), ("epochs", 10), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    # JAX makes as many threads as it may use cores when it is first imported.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    use_one_core()
    study = plan()
    lanes = lanes_of(study, given.lanes, WIDTH)
    stacked(study.data, lanes, 1, PROCESSOR)  # the first call loads what is compiled
    ours, theirs = [], []
    for _ in range(given.repeats):
        ours.append(stacked(study.data, lanes, given.epochs, PROCESSOR, process_time))
        theirs.append(vmapped(study.data, lanes, given.epochs, process_time))
    rows = len(study.data.folds[0].x_train)
    # JAX leaves the rows out that fill no minibatch.
    steps = given.lanes * given.epochs
    print(
        json.dumps(
            {
                "lanes": given.lanes,
                "ours": 1e6 * min(ours) / (steps * -(-rows // BATCH)),
                "theirs": 1e6 * min(theirs) / (steps * (rows // BATCH)),
            }
        )
    )


if __name__ == "__main__":
    main()
