"""How many executors one driver keeps busy: the real scheduler over simulated ones.

`python -m tests.benchmarks.scaling` records what segments of the reference work cost and report,
then runs studies whose segments are not trained but taken from that record. The clock is virtual:
it goes on by the processor time of the driver (asking, packing, pickling, judging, recording in a
database), and jumps where the driver waits for a segment. So a thousand executors need no machine,
and a busy machine does not count.

Efficiency is the executors' busy time over their number times the study's duration, its beginning
and end included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from search.data.datasets import Dataset, load_builtin
from search.driver import run_study, search_phase, trial_batch
from search.study import Phase, PhaseStarted, ProgressMade
from search.training.backend import Backend
from service.logs import quieten_optuna
from storage import Queue, Recorder, Studies, open_database
from tests.benchmarks.plots import Curve, plot
from tests.benchmarks.simulated_executors import (
    Clock,
    RecordedTrial,
    SimulatedExecutor,
    record_trials,
    spec_of,
)

RESULTS = Path(__file__).parent / "results"
#: Configurations whose segments are recorded.
RECORDED = 60
CURVE = Curve(
    name="executors",
    title="One study: trials a second by executors, simulated",
    x="executors",
    y="trials a second",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One simulated study."""

    executors: int
    ahead: int
    trials: int
    seconds: float
    efficiency: float
    #: Share of the duration in which the driver itself worked.
    driver: float
    #: Of those seconds of the driver, the share in which it recorded.
    recording: float

    @property
    def rate(self) -> float:
        """Trials a second."""
        return self.trials / self.seconds

    @property
    def core_ms(self) -> float:
        """Executor milliseconds a trial, pruned ones among them."""
        return 1000 * self.efficiency * self.executors / self.rate


def simulate(
    dataset: Dataset,
    record: Sequence[RecordedTrial],
    *,
    executors: int,
    trials: int,
    slowness: float,
    ahead: int = 1,
) -> Row:
    """Run one study on simulated executors; its trials are recorded in a database as a worker's."""
    spec = spec_of(trials)
    with TemporaryDirectory(prefix="bench-") as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'scaling.db'}")
        try:
            Studies(database).create(spec, directions=["minimize"], metric_names=["log_loss"])
            claimed = Queue(database).claim("simulated", 1e6)
            if claimed is None:
                raise RuntimeError("the study was not there to claim")
            recorder = Recorder(database, claimed.id, "simulated")
            backend = Backend(ahead=ahead)
            clock = Clock()
            pool = SimulatedExecutor(clock, executors, record, slowness)
            recording = 0.0
            with (
                patch.object(trial_batch, "wait", pool.wait),
                patch.object(search_phase, "monotonic", clock.now),
            ):
                pending: list[Any] = []
                for event in run_study(spec, dataset, executor=pool, backend=backend):
                    pending.append(event)
                    if isinstance(event, ProgressMade):
                        before = thread_time()
                        recorder.record(pending, results=None)
                        recording += thread_time() - before
                        pending.clear()
                    if isinstance(event, PhaseStarted) and event.phase != Phase.SEARCH:
                        break
                recorder.record(pending, results=None)
            seconds, worked = clock.now(), clock.worked
        finally:
            database.close()
    return Row(
        executors=executors,
        ahead=ahead,
        trials=trials,
        seconds=seconds,
        efficiency=pool.busy / (executors * seconds),
        driver=worked / seconds,
        recording=recording / worked,
    )


#: (executors at most, `ahead` that fits them), ascending.
_AHEAD = ((4, 1), (10, 4), (30, 8), (100, 16), (300, 32))
_MOST_AHEAD = 64


def ahead_of(executors: int) -> int:
    """Return the value of `ahead` that fits so many executors."""
    return next((ahead for most, ahead in _AHEAD if executors <= most), _MOST_AHEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of trials, and the studies that are simulated with it."""

    name: str
    #: Core-seconds of a trial trained to the end; None: as recorded.
    core_seconds: float | None
    executors: tuple[int, ...]
    #: Fewest trials of a study, trials for each executor, most trials.
    fewest: int
    each: int
    most: int

    def trials(self, executors: int) -> int:
        """Return the trials of a study on so many executors."""
        return max(self.fewest, min(self.most, self.each * executors))


WORKS = (
    Work(
        name="digits",
        core_seconds=None,
        executors=(1, 2, 4, 10, 30, 100),
        fewest=600,
        each=100,
        most=1_000,
    ),
    Work(
        name="25 core-seconds",
        core_seconds=25.0,
        executors=(10, 30, 100, 300, 1000),
        fewest=400,
        each=30,
        most=8_000,
    ),
)


def main() -> None:
    """Print the tables; write scaling.json and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recorded", type=int, default=RECORDED)
    arguments = parser.parse_args()
    quieten_optuna()
    console = Console()
    dataset = load_builtin("digits")
    record = record_trials(dataset, arguments.recorded)
    whole = sum(s for trial in record for s, _ in trial.segments.values()) / len(record)
    made: dict[str, list[Row]] = {}
    for work in WORKS:
        slowness = 1.0 if work.core_seconds is None else work.core_seconds / whole
        cost = f"{1000 * whole * slowness:.0f} core-ms a trial trained to the end"
        table = Table("executors", "ahead", "trials", "core-ms a trial as run", title=cost)
        for column in ("trials/s", "efficiency", "driver", "of it recording"):
            table.add_column(column, justify="right")
        made[work.name] = []
        for executors in work.executors:
            row = simulate(
                dataset,
                record,
                executors=executors,
                trials=work.trials(executors),
                slowness=slowness,
                ahead=ahead_of(executors),
            )
            made[work.name].append(row)
            figures = (executors, row.ahead, row.trials, round(row.core_ms), f"{row.rate:.2f}")
            shares = (f"{share:.0%}" for share in (row.efficiency, row.driver, row.recording))
            table.add_row(*map(str, figures), *shares)
            write(made)
        console.print(table)


def write(made: Mapping[str, Sequence[Row]]) -> None:
    """Write the rows so far, and their plot."""
    points = {
        name: [(float(row.executors), row.rate) for row in found] for name, found in made.items()
    }
    plot(CURVE, points, RESULTS / f"{CURVE.name}.svg")
    written = {name: [asdict(row) for row in found] for name, found in made.items()}
    (RESULTS / "scaling.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
