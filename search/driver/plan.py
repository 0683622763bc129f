"""The plan of a study: everything the driver derives from the spec and the dataset, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.data.dataset_builder import with_task
from search.data.datasets import Dataset
from search.data.fold_arrays import TrainingData
from search.data.preprocessing import prepare
from search.data.row_blocks import Blocks, row_blocks
from search.data.splits import Splits, split
from search.metrics import Metric, Source, chance_loss, task_metrics
from search.networks.lane import Lane, NetworkConfig
from search.seeds import derive_seed
from search.space import Arms, SearchSpace
from search.study import Choices, ParamValue, Scaling, StudySpec, Task
from search.study_checks import check_study
from search.training.backend import PROCESSOR, Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study ready to run. Made by `plan_study`."""

    #: The spec with its trials and the pruner that applies, as from `check_study`.
    spec: StudySpec
    dataset: Dataset
    splits: Splits
    task: Task
    space: SearchSpace
    #: What the question of the study compares.
    arms: Arms
    objectives: tuple[Metric, ...]
    #: Names of all metrics scored at every evaluation: scores among the objectives come first.
    metrics: tuple[str, ...]
    #: `(N,)` block of each row of the dataset; development and test rows are counted apart.
    blocks: Blocks
    #: The folds of the search, prepared for training.
    data: TrainingData
    #: Epochs at which pruning is decided; the last one is the end of training.
    rungs: tuple[int, ...]
    #: Epochs after which validation rows are scored, every rung among them.
    evaluate_at: tuple[int, ...]
    #: Training loss of the best constant prediction, by fold.
    chance: tuple[float, ...]
    #: The device and the engine by which all lanes are trained.
    backend: Backend = PROCESSOR

    @property
    def directions(self) -> tuple[str, ...]:
        """Optuna's directions of the objectives."""
        return tuple(str(metric.direction) for metric in self.objectives)

    @property
    def scalings(self) -> tuple[Scaling, ...]:
        """Scalings of the numeric columns that trials can have."""
        return scalings_of(self.space)

    def lanes(self, number: int, params: Mapping[str, ParamValue]) -> tuple[Lane, ...]:
        """Return the lanes of trial `number`, one a fold.

        Initial weights are seeded by (study seed, trial, fold), minibatches and noise by (study
        seed, fold), so that all trials of a fold share them.
        """
        seed = self.spec.sampler.seed
        config = NetworkConfig.from_params(params, self.space.own)
        return tuple(
            Lane(
                configuration=number,
                fold=fold,
                split=self.data.place(config.scaling, fold),
                config=config,
                init_seed=derive_seed(seed, "init", number, fold),
                order_seed=derive_seed(seed, "order", fold),
            )
            for fold in range(self.data.splits)
        )


def plan_study(spec: StudySpec, dataset: Dataset, backend: Backend = PROCESSOR) -> StudyPlan:
    """Check `spec` against `dataset` and prepare its folds; `backend` is from `usable_backend`.

    The target is read for the task that the spec names, if any. Raises InvalidInput as
    `check_study` does, and InvalidDataset for a target that does not allow the task or a table too
    large to prepare.
    """
    dataset = with_task(dataset, spec.task)
    checked = check_study(spec, dataset.describe())
    scored = [metric.name for metric in checked.objectives if metric.source is Source.PREDICTIONS]
    recorded = [metric.name for metric in task_metrics(checked.task)]
    rungs = checked.pruner.rungs(spec.budget.epochs)
    splits = split(dataset, spec.evaluation, spec.sampler.seed)
    data = prepare(dataset, splits, scalings_of(checked.space))
    return StudyPlan(
        spec=checked.spec,
        dataset=dataset,
        splits=splits,
        task=checked.task,
        space=checked.space,
        arms=checked.arms,
        objectives=checked.objectives,
        metrics=tuple(dict.fromkeys([*scored, *recorded])),
        blocks=_blocks(dataset, splits, spec.sampler.seed),
        data=data,
        rungs=rungs,
        evaluate_at=evaluations(spec.budget.epochs, rungs),
        chance=tuple(chance_loss(checked.task, f.y_train) for f in data.folds[: data.splits]),
        backend=backend,
    )


def _blocks(dataset: Dataset, splits: Splits, seed: int) -> Blocks:
    blocks = np.zeros(len(dataset.y), dtype=np.int32)
    for name, rows in (("development", splits.search), ("test", splits.test)):
        blocks[rows] = row_blocks(rows, dataset.groups, derive_seed(seed, "blocks", name))
    return blocks


def scalings_of(space: SearchSpace) -> tuple[Scaling, ...]:
    """Return the values of the axis `scaling` in a study."""
    axis = space.axes["scaling"]
    if not isinstance(axis, Choices):
        raise TypeError(f"the axis scaling is {axis}, but it is a list of names")
    return tuple(Scaling(str(value)) for value in axis.values)


def evaluations(epochs: int, rungs: Sequence[int]) -> tuple[int, ...]:
    """Return the epochs after which to evaluate: all rungs, and every epoch or ten evenly spread.

    A training of up to ten epochs is evaluated after each.
    """
    even = {round(epochs * i / 10) for i in range(1, 11)} if epochs > 10 else range(1, epochs + 1)
    return tuple(sorted({*even, *rungs}))
