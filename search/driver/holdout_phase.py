"""The holdout evaluation: the winner refitted on all development rows, scored on the test rows.

The baseline is refitted beside it, with the same seeds. The reference models are scored on the test
rows and on the rows of the confirmation: a network that cannot beat them is not worth its cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from search.analysis.candidates import config_key
from search.analysis.recommendation import pick_winner
from search.data.fold_arrays import TrainingData
from search.data.preprocessing import fit_preprocessor, prepare
from search.data.row_blocks import mean_blocks, sum_blocks
from search.data.splits import Fold
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan
from search.driver.reference_models import (
    REFERENCES,
    ReferenceFit,
    ReferenceReport,
    score_from_file,
)
from search.driver.resplits import Resplits
from search.driver.stage_runs import last_scores, whole_training
from search.networks.lane import Lane, LaneState, NetworkConfig
from search.networks.model_archive import save_model_archive
from search.seeds import derive_seed
from search.study import (
    BlockSums,
    ConfirmationRun,
    Event,
    ParamValue,
    Role,
    Scaling,
    TestRole,
    TestRun,
    TestsMade,
)
from search.training.packing import pack
from search.training.worker_files import train_from_file


@dataclass(slots=True)
class _Refits:
    """Refits of one configuration with several seeds."""

    params: Mapping[str, ParamValue]
    #: Test scores of the refits that did not fail, by name of the metric.
    scores: list[dict[str, float]]
    #: Contributions of the test rows to the first objective, likewise.
    blocks: list[BlockSums]
    #: Trained state of the first refit that did not fail.
    state: LaneState | None = None


def evaluate_holdout(
    plan: StudyPlan, resplits: Resplits, runs: Sequence[ConfirmationRun], jobs: OrderedJobs
) -> Iterator[Event]:
    """Refit the winner and the baseline and yield one TestsMade; `runs` are the confirmation's.

    Without test rows the winner is refitted for its archive only, and no predictor gets a test
    score. Raises Interrupted where a stop is asked for.
    """
    has_test = len(plan.splits.test) > 0
    test = plan.splits.test if has_test else plan.splits.search
    data = prepare(
        plan.dataset,
        replace(plan.splits, folds=(Fold(train=plan.splits.search, validation=test),)),
        plan.scalings,
        plan.blocks,
    )
    finalists = _finalists(plan, runs)
    winner = finalists.get(TestRole.WINNER)
    # The reference models see the numbers that the winner sees.
    own = plan.space.own
    scaling = NetworkConfig.from_params(winner, own).scaling if winner else plan.scalings[0]
    refits = _refit(plan, finalists, data, jobs)
    tests = []
    for role, params in finalists.items():
        refit = refits[config_key(params)]
        scores = refit.scores if has_test else []
        own_runs = _runs_of(runs, params)
        tests.append(
            TestRun(
                role=role,
                params=params,
                scores=_means(scores),
                validation_scores=_means([run.scores for run in own_runs]),
                repeats=len(scores),
                test_blocks=mean_blocks(refit.blocks) if has_test else None,
                validation_blocks=sum_blocks([run.blocks for run in own_runs]),
            )
        )
    validated: dict[TestRole, list[ReferenceReport]] = {role: [] for role in REFERENCES}
    for block in resplits.blocks(sorted({run.repeat for run in runs})):
        by_role = _score_references(plan, resplits.prepared(block), scaling, jobs)
        for role in REFERENCES:
            validated[role] += by_role[role]
    tested = _score_references(plan, data, scaling, jobs) if has_test else {}
    tests += [
        TestRun(
            role=role,
            params={},
            scores=_means([report.scores for report in tested.get(role, ())]),
            validation_scores=_means([report.scores for report in validated[role]]),
            repeats=len(tested.get(role, ())),
            test_blocks=sum_blocks([report.blocks for report in tested.get(role, ())]),
            validation_blocks=sum_blocks([report.blocks for report in validated[role]]),
        )
        for role in REFERENCES
    ]
    yield TestsMade(runs=tuple(tests), winner=_archive(plan, finalists, refits))


def _finalists(
    plan: StudyPlan, runs: Sequence[ConfirmationRun]
) -> dict[TestRole, Mapping[str, ParamValue]]:
    """Return the configurations to refit by role; a role is absent where all its runs failed."""
    finalists: dict[TestRole, Mapping[str, ParamValue]] = {}
    winner = pick_winner(runs, plan.objectives[0], plan.spec.question)
    if winner is not None:
        finalists[TestRole.WINNER] = winner
    for run in runs:
        if run.role is Role.BASELINE and run.scores:
            finalists[TestRole.BASELINE] = run.params
    return finalists


def _refit(
    plan: StudyPlan,
    finalists: Mapping[TestRole, Mapping[str, ParamValue]],
    data: TrainingData,
    jobs: OrderedJobs,
) -> dict[str, _Refits]:
    """Refit each finalist `confirm_repeats` times; return the refits by configuration key.

    The seeds of a repeat are the same for all finalists.
    """
    refits = {config_key(params): _Refits(params, [], []) for params in finalists.values()}
    by_number = list(refits.values())
    configs = [NetworkConfig.from_params(refit.params, plan.space.own) for refit in by_number]
    seed = plan.spec.sampler.seed
    lanes = [
        Lane(
            configuration=number,
            repeat=repeat,
            fold=0,
            split=data.place(config.scaling, 0),
            config=config,
            init_seed=derive_seed(seed, "test init", repeat),
            order_seed=derive_seed(seed, "test order", repeat),
        )
        for number, config in enumerate(configs)
        for repeat in range(plan.spec.evaluation.confirm_repeats)
    ]
    stacks = pack(lanes, plan.backend.device)
    segments = [whole_training(plan, stack, keep_states=True) for stack in stacks]
    for segment, reports in jobs.run(train_from_file, segments, data):
        for lane, report in zip(segment.lanes, reports, strict=True):
            refit = by_number[lane.configuration]
            scores, failure = last_scores(plan, report)
            if failure is None:
                refit.scores.append(scores)
                if report.blocks is not None:
                    refit.blocks.append(report.blocks)
                refit.state = refit.state or report.state
    return refits


def _score_references(
    plan: StudyPlan, data: TrainingData, scaling: Scaling, jobs: OrderedJobs
) -> dict[TestRole, list[ReferenceReport]]:
    """Return the scores of each reference model, one entry a fold of `data` by `scaling`."""
    fits = [
        ReferenceFit(role=role, fold=data.place(scaling, split), metrics=plan.metrics)
        for split in range(data.splits)
        for role in REFERENCES
    ]
    by_role: dict[TestRole, list[ReferenceReport]] = {role: [] for role in REFERENCES}
    for fit, report in jobs.run(score_from_file, fits, data):
        by_role[fit.role].append(report)
    return by_role


def _runs_of(
    runs: Sequence[ConfirmationRun], params: Mapping[str, ParamValue]
) -> list[ConfirmationRun]:
    """Return the runs of the configuration `params` that did not fail, one a resample."""
    key = config_key(params)
    own = {(r.repeat, r.fold): r for r in runs if config_key(r.params) == key and r.scores}
    return list(own.values())


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the finite means of each metric over `scores`; empty where there are no scores."""
    if not scores:
        return {}
    means = {name: float(np.mean([row[name] for row in scores])) for name in scores[0]}
    return {name: value for name, value in means.items() if isfinite(value)}


def _archive(
    plan: StudyPlan,
    finalists: Mapping[TestRole, Mapping[str, ParamValue]],
    refits: Mapping[str, _Refits],
) -> bytes | None:
    """Return the winner's archive; None where there is no winner or all its refits failed."""
    params = finalists.get(TestRole.WINNER)
    state = None if params is None else refits[config_key(params)].state
    if params is None or state is None:
        return None
    config = NetworkConfig.from_params(params, plan.space.own)
    return save_model_archive(
        params,
        state,
        fit_preprocessor(
            plan.dataset,
            plan.splits.search,
            scaling=config.scaling,
        ),
        plan.dataset,
        config.row.own,
    )
