"""What recording a trial costs: our recorder against Optuna's `RDBStorage`, both on SQLite.

Ten intermediate values, five attributes; ours with curves of three folds and diagnostics of four
layers besides, and recorded five times on its way, as the driver does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from search.study import StudySpec
from storage import Queue, Recorder, Studies, open_database
from tests.benchmarks.scales import Scale
from tests.storage.test_cost import seconds_a_trial_of_optunas, seconds_a_trial_of_ours

_LEASE_S = 600.0


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
