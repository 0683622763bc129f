"""A study spec checked against its dataset: every rule between the two, in one function.

The API calls it before a study is queued, the driver before a study runs, and the results document
resolves names by it. Loads neither torch nor the dataset: the facts of a dataset are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from search.data.datasets import DatasetSummary
from search.data.fold_rules import check_folds
from search.metrics import Metric, check_objectives
from search.pruners import get_pruner
from search.pruners.catalog import Pruner, PrunerName
from search.samplers import check_sampler, get_sampler
from search.space import Arms, SearchSpace, build_arms, build_space
from search.space.arms import question_axes
from search.study import StudySpec, Task

#: Trials of each arm in each search where a study does not say. With half as many the champions of
#: the searches of one arm differ about twice as much, and hardly any arm can be called worse.
TRIALS_PER_SEARCH = 30
#: With fewer trials of each arm in each search there are fewer searches: a search that has hardly
#: begun tells luck alone.
LEAST_TRIALS_PER_SEARCH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStudy:
    """A spec that fits its dataset, with every name resolved. Made by `check_study`."""

    #: The spec with its number of trials, the searches they are enough for, and the pruner that
    #: applies: none where there are two objectives.
    spec: StudySpec
    task: Task
    space: SearchSpace
    #: What the question of the study compares.
    arms: Arms
    #: The objectives, the first of which also prunes; the task's default where none is named.
    objectives: tuple[Metric, ...]
    pruner: Pruner


def check_study(spec: StudySpec, dataset: DatasetSummary) -> CheckedStudy:
    """Resolve the names of `spec` for `dataset`, which is described for the task the spec asks for.

    Raises InvalidInput (or UnknownChoice, InvalidAxis, InvalidDataset) for the first rule that is
    broken, in this order: objectives, space, question, sampler, pruner, rows and classes for the
    evaluation.
    """
    objectives = check_objectives(spec.objectives, dataset.task)
    space = study_space(spec)
    arms = build_arms(space, spec.question)
    check_sampler(spec.sampler, space)
    pruner = get_pruner(spec.pruner.name)
    if len(objectives) > 1:
        # Optuna's pruners know one objective only; with two every trial is trained to the end.
        pruner = get_pruner(PrunerName.NONE)
    check_folds(dataset, spec.evaluation)
    return CheckedStudy(
        spec=replace(with_trials(spec, arms), pruner=replace(spec.pruner, name=str(pruner.name))),
        task=dataset.task,
        space=space,
        arms=arms,
        objectives=objectives,
        pruner=pruner,
    )


def study_space(spec: StudySpec) -> SearchSpace:
    """Return the space of `spec` with the axes that its question needs; raises as `build_space`."""
    return build_space({**question_axes(spec.question), **spec.space}, spec.expressions)


def with_trials(spec: StudySpec, arms: Arms) -> StudySpec:
    """Return `spec` with a number of trials, and no more searches than they are enough for.

    A sampler that tries every configuration has one search, since another would find the same. A
    study that is extended keeps the searches it has.
    """
    evaluation, budget = spec.evaluation, spec.budget
    searches, count = evaluation.searches, len(arms.names)
    if get_sampler(spec.sampler.name).finite:
        size = arms.grid_size or 0
        trials = min(budget.trials, size) if budget.trials and size else budget.trials or size
        searches = 1
    elif budget.trials:
        trials = budget.trials
        if not spec.extensions:
            searches = max(1, min(searches, trials // (count * LEAST_TRIALS_PER_SEARCH)))
    else:
        trials = TRIALS_PER_SEARCH * count * searches
    return replace(
        spec,
        budget=replace(budget, trials=trials),
        evaluation=replace(evaluation, searches=searches),
    )
