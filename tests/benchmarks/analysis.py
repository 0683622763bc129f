"""Milliseconds to compute, store and answer the results of a study of many trials.

`python -m tests.benchmarks.analysis [--trials 5000]` draws records of a study of all activations
and its confirmation, with scores that nothing explains, and prints the shortest of some runs of
each step.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import optuna
from optuna.trial import TrialState

from search.analysis.candidates import (
    RACE_REPEATS,
    Candidate,
    select_baseline,
    select_champions,
    select_entrants,
)
from search.analysis.results_document import analyze_trials, results_document
from search.analysis.search_summary import summarize
from search.data.datasets import BUILTIN
from search.metrics import task_metrics
from search.space import SearchSpace, build_space
from search.study import (
    BlockSums,
    ConfirmationRun,
    LayerSnapshot,
    Stage,
    StudySpec,
    Task,
    TrialRecord,
    TrialSource,
)
from search.study.results import StudyResults
from search.study_checks import CheckedStudy, check_study
from service.api.schemas.results import ResultsOut
from storage import Studies, open_database
from storage.results import StoredResults, read_document, write_document
from storage.rows.study_rows import StudyRow

#: Blocks of rows of the confirmation.
BLOCKS = 400
#: Lanes, validation rows and classes that the metrics are timed on.
PREDICTION_SHAPE = (64, 600, 10)


def draw_trials(space: SearchSpace, count: int, seed: int = 0) -> list[TrialRecord]:
    """Return `count` random trials of `space`, four of five complete, the others pruned."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    rng = random.Random(seed)
    records = []
    for number in range(count):
        asked = study.ask()
        params = space.suggest(asked)
        value, is_complete = rng.random(), rng.random() < 0.8
        learned = {"slope": (rng.random(), rng.random())}
        records.append(
            TrialRecord(
                number=number,
                state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
                source=TrialSource.SAMPLER if number % 15 else TrialSource.STRATIFIED,
                search=number % 4,
                params=params,
                distributions=dict(asked.distributions),
                values=(value,) if is_complete else None,
                intermediate_values={3: value},
                metrics={"log_loss": value, "accuracy": value},
                layers=(LayerSnapshot(epoch=9, statistics=learned),),
                parameters=1000,
                fit_seconds=0.1,
            )
        )
    return records


def draw_runs(
    trials: Sequence[TrialRecord], study: CheckedStudy, seed: int = 0
) -> Iterator[ConfirmationRun]:
    """Yield the runs of the race and the confirmation of `trials`, three folds a repeat."""
    rng = random.Random(seed)
    evaluation, metric = study.spec.evaluation, study.objectives[0]
    entrants = select_entrants(trials, study.arms, metric.direction, evaluation.confirm_top)
    race = [run for one in entrants for run in _runs(one, Stage.RACE, RACE_REPEATS, rng)]
    champions = select_champions(entrants, race, metric)
    baseline = select_baseline(champions, trials, study.arms)
    yield from race
    for one in (*champions, *((baseline,) if baseline else ())):
        yield from _runs(one, Stage.CONFIRM, evaluation.confirm_repeats, rng)


def _runs(
    candidate: Candidate, stage: Stage, repeats: int, rng: random.Random
) -> Iterator[ConfirmationRun]:
    for cell in range(3 * repeats):
        rows = tuple(int(block % 3 == cell % 3) for block in range(BLOCKS))
        sums = tuple(rng.random() * row for row in rows)
        yield ConfirmationRun(
            trial=candidate.trial,
            activation=candidate.activation,
            arm=candidate.arm,
            search=candidate.search,
            stage=stage,
            role=candidate.role,
            params=candidate.params,
            repeat=cell // 3,
            fold=cell % 3,
            scores={"log_loss": sum(sums) / sum(rows)},
            failure=None,
            train_rows=200,
            validation_rows=100,
            fit_seconds=0.5,
            blocks=BlockSums(sums=sums, rows=rows) if stage is Stage.CONFIRM else None,
        )


def measure(trials: Sequence[TrialRecord], space: SearchSpace, row: StudyRow) -> dict[str, float]:
    """Return step -> milliseconds; `row` is the study whose results are answered."""
    study = check_study(StudySpec(dataset="digits"), BUILTIN["digits"].summary)
    objectives = study.objectives
    runs = list(draw_runs(trials, study))
    analysis = analyze_trials(objectives, trials)

    def document() -> StudyResults:
        return results_document(study, trials, runs, analysis=analysis, is_over=True)

    results = document()
    stored = StoredResults(results=results, version=1)
    text = write_document(results)
    shape = PREDICTION_SHAPE
    prediction = np.random.default_rng(0).dirichlet(np.ones(shape[2]), shape[:2])
    y = np.arange(shape[1]) % shape[2]
    return {
        "summary of the trials": shortest(lambda: summarize(space, ["minimize"], trials)),
        "analysis of the trials": shortest(lambda: analyze_trials(objectives, trials), 3),
        "results without the analysis": shortest(document),
        "writing the document": shortest(lambda: write_document(results)),
        "reading the document": shortest(lambda: read_document(text)),
        "answer": shortest(lambda: ResultsOut.from_stored(row, stored).model_dump_json()),
        "metrics of 64 lanes": shortest(
            lambda: [metric.score(y, prediction) for metric in task_metrics(Task.MULTICLASS)]
        ),
    }


def shortest(step: Callable[[], object], times: int = 10) -> float:
    """Return the shortest of `times` runs of `step` in milliseconds."""
    seconds = []
    for _ in range(times):
        began = perf_counter()
        step()
        seconds.append(perf_counter() - began)
    return 1e3 * min(seconds)


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=5000)
    count = parser.parse_args().trials
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = build_space({})
    with TemporaryDirectory(prefix="bench-") as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'analysis.db'}")
        try:
            row = Studies(database).create(
                StudySpec(dataset="digits"), directions=["minimize"], metric_names=["log_loss"]
            )
        finally:
            database.close()
    for step, milliseconds in measure(draw_trials(space, count), space, row).items():
        print(f"{step:30} {milliseconds:9.2f} ms")


if __name__ == "__main__":
    main()
