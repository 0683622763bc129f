"""What a study comes to once its dataset is known: everything the driver needs, derived once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from search.data.datasets import Dataset
from search.data.fold_arrays import TrainingData
from search.data.preprocessing import prepare
from search.data.splits import Splits, split
from search.metrics import Metric, Source, chance_loss, check_objectives, task_metrics
from search.networks.lane import Lane, NetworkConfig
from search.pruners import get_pruner
from search.samplers import check_sampler
from search.seeds import derive_seed
from search.space import SearchSpace, build_space
from search.study import Choices, ParamValue, Scaling, StudySpec, Task
from search.training.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study ready to run. Made by `plan_study`."""

    spec: StudySpec
    dataset: Dataset
    splits: Splits
    task: Task
    space: SearchSpace
    objectives: tuple[Metric, ...]
    #: Names of all metrics scored at every evaluation, objectives included.
    metrics: tuple[str, ...]
    data: TrainingData
    #: Epochs at which pruning is decided; the last one is the end of training.
    rungs: tuple[int, ...]
    #: Epochs after which validation rows are scored; every rung is one.
    evaluate_at: tuple[int, ...]
    #: Training loss of the best constant prediction, by fold.
    chance: tuple[float, ...]
    #: What trains, the processor or a GPU.
    device: Device = Device.CPU

    @property
    def directions(self) -> tuple[str, ...]:
        """Optuna's directions of the objectives."""
        return tuple(str(metric.direction) for metric in self.objectives)

    @property
    def scaling(self) -> Scaling:
        """Scaling of the numeric columns, one for all trials."""
        return scaling_of(self.space)

    def lanes(self, number: int, params: Mapping[str, ParamValue]) -> tuple[Lane, ...]:
        """One lane a fold. Seeds follow (study seed, trial, fold), never time or company."""
        seed = self.spec.sampler.seed
        config = NetworkConfig.from_params(params)
        return tuple(
            Lane(
                trial=number,
                fold=fold,
                config=config,
                init_seed=derive_seed(seed, "init", number, fold),
                order_seed=derive_seed(seed, "order", fold),
            )
            for fold in range(len(self.data.folds))
        )


def plan_study(spec: StudySpec, dataset: Dataset, device: Device = Device.CPU) -> StudyPlan:
    """Check `spec` against `dataset` and prepare its folds; raises InvalidInput of every kind.

    `device` is what `usable_device` returned.
    """
    objectives = check_objectives(spec.objectives, dataset.task)
    space = build_space(spec.space)
    check_sampler(spec.sampler, space)
    scored = [metric.name for metric in objectives if metric.source is Source.PREDICTIONS]
    recorded = [metric.name for metric in task_metrics(dataset.task)]
    # Optuna's pruners know one objective only; with two every trial is trained to the end.
    pruner = spec.pruner if len(objectives) == 1 else replace(spec.pruner, name="none")
    rungs = get_pruner(pruner.name).rungs(spec.budget.epochs)
    splits = split(dataset, spec.evaluation, spec.sampler.seed)
    data = prepare(dataset, splits, scaling_of(space))
    return StudyPlan(
        spec=replace(spec, pruner=pruner),
        dataset=dataset,
        splits=splits,
        task=dataset.task,
        space=space,
        objectives=objectives,
        metrics=tuple(dict.fromkeys([*scored, *recorded])),
        data=data,
        rungs=rungs,
        evaluate_at=evaluations(spec.budget.epochs, rungs),
        chance=tuple(chance_loss(dataset.task, fold.y_train) for fold in data.folds),
        device=device,
    )


def scaling_of(space: SearchSpace) -> Scaling:
    """Return the one value that the axis `scaling` has in a study."""
    axis = space.axes["scaling"]
    if not isinstance(axis, Choices):
        raise TypeError(f"the axis scaling is {axis}, but it is a list of names")
    return Scaling(str(axis.values[0]))


def evaluations(epochs: int, rungs: Sequence[int]) -> tuple[int, ...]:
    """Epochs to evaluate after: each of up to ten, else ten evenly spread, and all rungs."""
    even = {round(epochs * i / 10) for i in range(1, 11)} if epochs > 10 else range(1, epochs + 1)
    return tuple(sorted({*even, *rungs}))
