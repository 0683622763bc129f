"""What recording a trial costs: our recorder against Optuna's `RDBStorage`, both on SQLite.

Ten intermediate values, five attributes; ours with curves of three folds and diagnostics of four
layers besides, and recorded five times on its way, as the driver does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from search.study import StudySpec
from storage import Queue, Recorder, Studies, open_database
from tests.benchmarks.scales import Scale
from tests.storage.records import DISTRIBUTIONS, changed, make_rung

_LEASE_S = 600.0
_STEPS = 10
_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCost:
    """Seconds a trial."""

    ours: float
    optunas: float

    @property
    def ratio(self) -> float:
        """How many times less ours costs."""
        return self.optunas / self.ours


def database_cost(scale: Scale, folder: Path) -> DatabaseCost:
    """Record with both."""
    batches, trials = scale.recorded
    database = open_database(f"sqlite:///{folder / 'ours.db'}")
    try:
        Studies(database).create(
            StudySpec(dataset="digits"), directions=["minimize"], metric_names=["log_loss"]
        )
        study = Queue(database).claim("benchmark", _LEASE_S)
        if study is None:
            raise RuntimeError("the study could not be claimed")
        ours = seconds_a_trial_of_ours(Recorder(database, study.id, "benchmark"), batches)
    finally:
        database.close()
    optunas = seconds_a_trial_of_optunas(f"sqlite:///{folder / 'optuna.db'}", trials)
    return DatabaseCost(ours=ours, optunas=optunas)


def seconds_a_trial_of_ours(recorder: Recorder, batches: int) -> float:
    """Record each trial at its start, at three rungs and at its end, as the driver does."""
    begin = time.perf_counter()
    for batch in range(batches):
        numbers = range(batch * _BATCH, (batch + 1) * _BATCH)
        for steps in (0, 2, 5, 8):
            trials = (make_rung(number, steps, TrialState.RUNNING) for number in numbers)
            recorder.record([changed(*trials)])
        recorder.record([changed(*(make_rung(n, _STEPS, TrialState.COMPLETE) for n in numbers))])
    return (time.perf_counter() - begin) / (batches * _BATCH)


def seconds_a_trial_of_optunas(url: str, trials: int) -> float:
    study = optuna.create_study(storage=url, sampler=RandomSampler(seed=0))
    begin = time.perf_counter()
    for _ in range(trials):
        trial = study.ask(DISTRIBUTIONS)
        for step in range(_STEPS):
            trial.report(1.0 / (step + 1), step)
        for key in ("activation", "source", "parameters", "log_loss", "accuracy"):
            trial.set_user_attr(key, 1)
        study.tell(trial, 0.5)
    return (time.perf_counter() - begin) / trials
