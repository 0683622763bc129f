"""What a trial costs late in a study: the sampler, the database and the results all grow.

A database gets a study with so many finished trials (configurations drawn at random, scores made
up, curves and all) and a worker takes it up with a budget of some more, on a pool of two
processes. Counted is the wall time from the start of the first new trial to the end of the last,
so that reading the history back is left out. The networks are those of the reference work, trained
for three epochs with one decision of the default pruner, across activations, where it has most to
compare: what does not grow must not hide what does.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import optuna
from optuna.trial import TrialState

from search.data.datasets import load_builtin
from search.driver.plan import StudyPlan, plan_study
from search.networks.lane import NetworkConfig
from search.study import FoldCurve, StudySpec, TrialRecord, TrialsChanged, TrialSource
from search.training.executors import local_pool
from service.settings import Settings
from service.worker.worker import Worker
from storage import Database, Queue, Recorder, Studies, Trials, open_database
from tests.benchmarks.scales import Scale
from tests.benchmarks.work import PROCESSES, study_body, to_spec

_LEASE_S = 600.0
_BATCH = 500
#: As few as have a rung before their end.
_EPOCHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterTrials:
    """Seconds a trial after `early` and after `late` trials."""

    early: int
    late: int
    early_seconds: float
    late_seconds: float

    @property
    def ratio(self) -> float:
        """How many times more a late trial costs."""
        return self.late_seconds / self.early_seconds


def later_trials(scale: Scale, folder: Path) -> LaterTrials:
    """Run the two studies."""
    early, late = scale.histories
    with local_pool(PROCESSES) as executor:
        seconds_after(0, scale.later_trials, folder / "warm.db", executor)
        first = seconds_after(early, scale.later_trials, folder / "early.db", executor)
        second = seconds_after(late, scale.later_trials, folder / "late.db", executor)
    return LaterTrials(early=early, late=late, early_seconds=first, late_seconds=second)


def seconds_after(known: int, more: int, path: Path, executor: Executor) -> float:
    """Return the seconds a trial of `more` trials after `known` ones."""
    spec = to_spec(
        study_body(trials=known + more, epochs=_EPOCHS, pruner="successive_halving", fair=False)
    )
    database = open_database(f"sqlite:///{path}")
    try:
        study_id = _study_with_history(database, spec, known)
        Worker(Settings(), database, executor).run(until_idle=True)
        trials = [trial for trial in _all_trials(database, study_id) if trial.number >= known]
    finally:
        database.close()
    began = min(trial.started_at for trial in trials if trial.started_at)
    ended = max(trial.finished_at for trial in trials if trial.finished_at)
    return (ended - began).total_seconds() / len(trials)


def _study_with_history(database: Database, spec: StudySpec, known: int) -> str:
    study = Studies(database).create(spec, directions=["minimize"], metric_names=["log_loss"])
    queue = Queue(database)
    if queue.claim("history", _LEASE_S) is None:
        raise RuntimeError("the study could not be claimed")
    recorder = Recorder(database, study.id, "history")
    records = list(made_up_history(spec, known))
    for start in range(0, known, _BATCH):
        recorder.record([TrialsChanged(trials=tuple(records[start : start + _BATCH]))])
    queue.release(study.id, "history")
    return study.id


def made_up_history(spec: StudySpec, count: int) -> Iterator[TrialRecord]:
    """Yield `count` finished trials of `spec`'s space, with scores that follow the depth."""
    plan = plan_study(spec, load_builtin(spec.dataset))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    random = Random(0)
    for number in range(count):
        trial = study.ask()
        params = plan.space.suggest(trial)
        record = TrialRecord(
            number=number,
            state=TrialState.COMPLETE,
            source=TrialSource.SAMPLER,
            params=params,
            distributions=dict(trial.distributions),
            started_at=datetime.now(UTC),
            finished_at=datetime.now(UTC),
            fit_seconds=0.1,
        )
        yield _scored(record, plan, random)


def _scored(record: TrialRecord, plan: StudyPlan, random: Random) -> TrialRecord:
    config = NetworkConfig.from_params(record.params)
    score = 0.1 + 0.05 * config.depth + 0.05 * random.random()
    epochs = tuple(range(1, 11))
    losses = tuple(score + 1.0 / epoch for epoch in epochs)
    return replace(
        record,
        values=(score,),
        intermediate_values=dict(zip(epochs, losses, strict=True)),
        metrics=dict.fromkeys(plan.metrics, score),
        curves=(
            FoldCurve(
                fold=0,
                epochs=epochs,
                train_loss=losses,
                validation_loss=losses,
                validation_score=losses,
            ),
        ),
        parameters=5000,
    )


def _all_trials(database: Database, study_id: str) -> Iterator[TrialRecord]:
    cursor = None
    while True:
        page = Trials(database).list(study_id, limit=500, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
