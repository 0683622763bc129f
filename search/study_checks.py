"""A study spec checked against its dataset: every rule between the two, in one function.

The API calls it before a study is queued, the driver before a study runs, and the results document
resolves names by it. Loads neither torch nor the dataset: the facts of a dataset are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from search.data.datasets import DatasetSummary
from search.data.splits import check_folds
from search.metrics import Metric, check_objectives
from search.pruners import get_pruner
from search.pruners.catalog import Pruner, PrunerName
from search.samplers import check_sampler
from search.space import SearchSpace, build_space
from search.study import StudySpec, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStudy:
    """A spec that fits its dataset, with every name resolved. Made by `check_study`."""

    #: The spec with the pruner that applies: none where there are two objectives.
    spec: StudySpec
    task: Task
    space: SearchSpace
    #: The objectives, the first of which also prunes; the task's default where none is named.
    objectives: tuple[Metric, ...]
    pruner: Pruner


def check_study(spec: StudySpec, dataset: DatasetSummary) -> CheckedStudy:
    """Resolve the names of `spec` for `dataset`, which is described for the task the spec asks for.

    Raises InvalidInput (or UnknownChoice, InvalidAxis, InvalidDataset) for the first rule that is
    broken, in this order: objectives, space, sampler, pruner, rows and classes for the evaluation.
    """
    objectives = check_objectives(spec.objectives, dataset.task)
    space = build_space(spec.space, spec.expressions)
    check_sampler(spec.sampler, space)
    pruner = get_pruner(spec.pruner.name)
    if len(objectives) > 1:
        # Optuna's pruners know one objective only; with two every trial is trained to the end.
        pruner = get_pruner(PrunerName.NONE)
    check_folds(dataset, spec.evaluation)
    return CheckedStudy(
        spec=replace(spec, pruner=replace(spec.pruner, name=str(pruner.name))),
        task=dataset.task,
        space=space,
        objectives=objectives,
        pruner=pruner,
    )
