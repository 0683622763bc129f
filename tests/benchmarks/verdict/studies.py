"""Real studies, run to their verdict in this process's pool, and what is kept of each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np

from search.analysis.confirmation_table import tabulate
from search.analysis.live_results import LiveResults
from search.data.datasets import Dataset
from search.data.preprocessing import prepare
from search.data.splits import Fold
from search.driver import run_study
from search.driver.plan import plan_study
from search.driver.stage_runs import whole_training
from search.networks.lane import Lane, NetworkConfig
from search.study import (
    Axis,
    Budget,
    Choices,
    ConfirmationRun,
    ConfirmationsMade,
    Evaluation,
    Event,
    ParamValue,
    SamplerSpec,
    StudySpec,
)
from search.study.results import Verdict
from search.study_checks import check_study
from search.training.packing import pack
from search.training.segment import train_segment
from tests.benchmarks.verdict.sets import smooth

Record = dict[str, Any]

DEFAULT_ARMS = (
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid",
)  # fmt: skip
#: A champion is junk where its loss is so many times that of the best champion of its arm.
JUNK = 1.25
#: Fresh rows, and refits of each network, by which the true difference of two is found.
FRESH_ROWS, REFITS = 20_000, 8


def study(
    dataset: Dataset,
    arms: tuple[str, ...],
    seed: int,
    executor: Executor,
    *,
    space: Mapping[str, Axis] | None = None,
    trials: int = 0,
    events: list[Event] | None = None,
) -> Record:
    """Run a default study of `arms` on `dataset` and return its record.

    All that the driver says is appended to `events`.
    """
    spec = spec_of(dataset, arms, seed, space=space, trials=trials)
    live, began = LiveResults(spec, dataset), monotonic()
    runs: list[ConfirmationRun] = []
    for event in run_study(spec, dataset, executor=executor):
        live.apply(event)
        if events is not None:
            events.append(event)
        if isinstance(event, ConfirmationsMade):
            runs += event.runs
    results = live.to_document(phase_ended=True)
    found = results.verdict
    if found is None:
        raise RuntimeError(f"the study of {arms} with seed {seed} came to no verdict")
    metric = check_study(spec, dataset.describe()).objectives[0]
    champions = [
        round(network.mean() / arm.best.mean(), 4)
        for arm in tabulate(runs, metric).arms
        for network in arm.networks
    ]
    took = round(monotonic() - began, 1)
    return {**_kept(found), "champions": champions, "seconds": took}


def spec_of(
    dataset: Dataset,
    arms: tuple[str, ...],
    seed: int,
    *,
    space: Mapping[str, Axis] | None = None,
    trials: int = 0,
) -> StudySpec:
    """Return the default study of `arms` on `dataset`."""
    return StudySpec(
        dataset=dataset.id,
        space={"activation": Choices(values=arms), **(space or {})},
        sampler=SamplerSpec(seed=seed),
        budget=Budget(trials=trials),
        evaluation=Evaluation(),
    )


def _kept(found: Verdict) -> Record:
    """Return what the rows read of a verdict, as JSON values."""
    return {
        "outcome": found.outcome.value,
        "stopped": found.stopped and found.stopped.value,
        "best": found.best,
        "winner": found.winner,
        "repeats": found.repeats,
        "sentence": found.sentence,
        "arms": {
            row.arm: {
                "mean": row.mean,
                "low": row.difference_low,
                "high": row.difference_high,
                "difference": row.difference,
                "worse": row.worse,
                "equivalent": row.equivalent,
                "detectable": row.detectable,
                "chance": row.probability_best,
                "trials": row.trials,
            }
            for row in found.comparisons
        },
        "network": {
            "params": dict(found.network.params),
            "low": found.network.ci_low,
            "high": found.network.ci_high,
        }
        if found.network
        else None,
        "baseline": dict(found.baseline.params) if found.baseline else None,
    }


def true_difference(
    rows: int,
    bend: float,
    seed: int,
    first: Mapping[str, ParamValue],
    second: Mapping[str, ParamValue],
) -> float:
    """Return the log loss of one configuration minus another's on fresh rows of a made set.

    Both are trained on the development rows of the set, REFITS times each.
    """
    dataset = smooth(rows, bend, seed)
    spec = StudySpec(dataset=dataset.id, sampler=SamplerSpec(seed=seed))
    plan = plan_study(spec, dataset)
    fresh = smooth(FRESH_ROWS, bend, seed + 10_000)
    whole = replace(
        dataset,
        features=_joined(dataset, fresh),
        y=np.concatenate([dataset.y, fresh.y]),
    )
    fold = Fold(train=plan.splits.search, validation=np.arange(len(dataset.y), len(whole.y)))
    data = prepare(whole, replace(plan.splits, folds=(fold,)), plan.scalings)
    losses = []
    for params in (first, second):
        config = NetworkConfig.from_params(params)
        lanes = [
            Lane(
                configuration=number,
                fold=0,
                split=data.place(config.scaling, 0),
                config=config,
                init_seed=1_000 + number,
                order_seed=2_000 + number,
            )
            for number in range(REFITS)
        ]
        scores = [
            report.scores["log_loss"][-1]
            for stack in pack(lanes, plan.backend.device)
            for report in train_segment(whole_training(plan, stack), data)
        ]
        losses.append(float(np.mean(scores)))
    return losses[0] - losses[1]


def _joined(dataset: Dataset, fresh: Dataset) -> Any:
    import pandas as pd  # noqa: PLC0415 - the one place that needs it

    return pd.concat([dataset.features, fresh.features], ignore_index=True)
