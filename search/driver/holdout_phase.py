"""The held-out test: the winner refitted on all development rows, scored on rows nobody saw.

Beside it the baseline, refitted with the same seeds, and the reference predictors, which are
scored on the rows of the confirmation too: a network that cannot beat them is not worth its cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from search.analysis.candidates import config_key
from search.analysis.comparisons import pick_winner
from search.data.fold_arrays import TrainingData
from search.data.preprocessing import fit_preprocessor, prepare
from search.data.splits import Fold
from search.driver.confirm_phase import last_scores, whole_training
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan
from search.driver.reference_models import REFERENCES, ReferenceFit, score_saved
from search.driver.resplits import Resplits
from search.networks.lane import Lane, LaneState, NetworkConfig
from search.networks.model_archive import save_model_archive
from search.seeds import derive_seed
from search.study import (
    ConfirmationRun,
    Event,
    ParamValue,
    Role,
    TestRole,
    TestRun,
    TestsMade,
)
from search.training.packing import pack
from search.training.worker_files import train_from_file


@dataclass(slots=True)
class _Refits:
    """One configuration refitted with several seeds."""

    params: Mapping[str, ParamValue]
    scores: list[dict[str, float]]
    #: Of the first refit that went well.
    state: LaneState | None = None


def held_out(
    plan: StudyPlan, repeats: Resplits, runs: Sequence[ConfirmationRun], jobs: OrderedJobs
) -> Iterator[Event]:
    """Refit, score and report; `runs` are those of the confirmation.

    Without test rows the winner is refitted all the same, to be taken home, and nobody gets a test
    score. Raises Interrupted where a stop is wanted.
    """
    has_test = len(plan.splits.test) > 0
    test = plan.splits.test if has_test else plan.splits.search
    data = prepare(
        plan.dataset,
        replace(plan.splits, folds=(Fold(train=plan.splits.search, validation=test),)),
        plan.scaling,
    )
    finalists = _finalists(plan, runs)
    refits = _refit(plan, finalists, data, jobs)
    made = []
    for role, params in finalists.items():
        scores = refits[config_key(params)].scores if has_test else []
        made.append(
            TestRun(
                role=role,
                params=params,
                scores=_means(scores),
                validation_scores=_validation(runs, params),
                repeats=len(scores),
            )
        )
    validated: dict[TestRole, list[dict[str, float]]] = {role: [] for role in REFERENCES}
    for block in repeats.blocks(sorted({run.repeat for run in runs})):
        found = _score_references(plan, repeats.prepared(block), jobs)
        for role in REFERENCES:
            validated[role] += found[role]
    tested = _score_references(plan, data, jobs) if has_test else {}
    made += [
        TestRun(
            role=role,
            params={},
            scores=_means(tested.get(role, ())),
            validation_scores=_means(validated[role]),
            repeats=len(tested.get(role, ())),
        )
        for role in REFERENCES
    ]
    yield TestsMade(runs=tuple(made), winner=_archive(plan, finalists, refits))


def _finalists(
    plan: StudyPlan, runs: Sequence[ConfirmationRun]
) -> dict[TestRole, Mapping[str, ParamValue]]:
    """Return the configurations to refit; a role is missing where all its runs failed."""
    finalists: dict[TestRole, Mapping[str, ParamValue]] = {}
    winner = pick_winner(runs, plan.objectives[0])
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
    """Train each configuration once a seed; the seeds are the same for all of them."""
    refits = {config_key(params): _Refits(params, []) for params in finalists.values()}
    seed = plan.spec.sampler.seed
    lanes = [
        Lane(
            trial=number,
            fold=0,
            config=NetworkConfig.from_params(known.params),
            init_seed=derive_seed(seed, "test init", repeat),
            order_seed=derive_seed(seed, "test order", repeat),
        )
        for number, known in enumerate(refits.values())
        for repeat in range(plan.spec.evaluation.confirm_repeats)
    ]
    stacks = pack(lanes, plan.device)
    segments = [whole_training(plan, stack, keep_states=True) for stack in stacks]
    for segment, reports in jobs.run(train_from_file, segments, data):
        for lane, report in zip(segment.lanes, reports, strict=True):
            known = list(refits.values())[lane.trial]
            scores, failure = last_scores(plan, report)
            if failure is None:
                known.scores.append(scores)
                known.state = known.state or report.state
    return refits


def _score_references(
    plan: StudyPlan, data: TrainingData, jobs: OrderedJobs
) -> dict[TestRole, list[dict[str, float]]]:
    """Return the scores of each reference predictor, one entry a fold of `data`."""
    fits = [
        ReferenceFit(role=role, fold=fold, metrics=plan.metrics)
        for fold in range(len(data.folds))
        for role in REFERENCES
    ]
    found: dict[TestRole, list[dict[str, float]]] = {role: [] for role in REFERENCES}
    for fit, scores in jobs.run(score_saved, fits, data):
        found[fit.role].append(scores)
    return found


def _validation(
    runs: Sequence[ConfirmationRun], params: Mapping[str, ParamValue]
) -> dict[str, float]:
    key = config_key(params)
    own = {(r.repeat, r.fold): r.scores for r in runs if config_key(r.params) == key and r.scores}
    return _means(list(own.values()))


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every metric that all of `scores` define; empty for no scores."""
    if not scores:
        return {}
    means = {name: float(np.mean([row[name] for row in scores])) for name in scores[0]}
    return {name: value for name, value in means.items() if isfinite(value)}


def _archive(
    plan: StudyPlan,
    finalists: Mapping[TestRole, Mapping[str, ParamValue]],
    refits: Mapping[str, _Refits],
) -> bytes | None:
    params = finalists.get(TestRole.WINNER)
    state = None if params is None else refits[config_key(params)].state
    if params is None or state is None:
        return None
    return save_model_archive(
        params,
        state,
        fit_preprocessor(plan.dataset, plan.splits.search, scaling=plan.scaling),
        plan.dataset,
    )
