"""Where the worker's own time goes: asking, telling, packing, shipping, recording.

`python -m tests.benchmarks.overhead [--trials 300] [--pruner successive_halving]` runs the
reference work through a real worker in this process, on a database and a pool of two processes,
and prints its processor time by function. What the pool does is not in it, nor is waiting for it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from search.training.executors import local_pool
from service.logs import quieten_optuna
from service.settings import Settings
from service.worker.worker import Worker
from storage import Studies, open_database
from tests.benchmarks.work import PROCESSES, study_body, to_spec


def profile(trials: int, pruner: str) -> pstats.Stats:
    """Run the study and return where the processor time of this process went."""
    spec = to_spec(study_body(trials=trials, pruner=pruner))
    profiler = cProfile.Profile(time.process_time)
    with TemporaryDirectory(prefix="bench-") as folder, local_pool(PROCESSES) as executor:
        database = open_database(f"sqlite:///{Path(folder) / 'overhead.db'}")
        try:
            worker = Worker(Settings(), database, executor)
            Studies(database).create(spec, directions=["minimize"], metric_names=["log_loss"])
            profiler.enable()
            worker.run(until_idle=True)
            profiler.disable()
        finally:
            database.close()
    return pstats.Stats(profiler).strip_dirs()


def main() -> None:
    """Print the functions that took most."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--pruner", default="successive_halving")
    parser.add_argument("--lines", type=int, default=60)
    arguments = parser.parse_args()
    quieten_optuna()
    stats = profile(arguments.trials, arguments.pruner)
    stats.sort_stats("cumtime").print_stats(arguments.lines)


if __name__ == "__main__":
    main()
