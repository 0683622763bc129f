"""The specification of a study: dataset, space, sampler, pruner, budget and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from search.study.expressions import Expression

ParamValue: TypeAlias = str | float | int | bool | None


class Task(StrEnum):
    """Kinds of prediction, each with an output activation and a loss of its own."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"


class Question(StrEnum):
    """The axis whose values are the arms: what a study compares."""

    ACTIVATION = "activation"
    INITIALIZER = "initializer"
    DEPTH = "depth"
    #: The negative slope of an activation that has one.
    SLOPE = "slope"
    NORMALIZATION = "normalization"


class Scaling(StrEnum):
    """How numeric columns are scaled; `search.data.scaling` says how each works."""

    STANDARD = "standard"
    QUANTILE = "quantile"
    ROBUST = "robust"


class PrunerScope(StrEnum):
    """Trials that a trial is compared with when pruning is decided."""

    ACTIVATION = "activation"
    STUDY = "study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """An axis that takes one of `values`; a single value fixes it."""

    values: tuple[ParamValue, ...]

    @property
    def is_fixed(self) -> bool:
        """Whether the axis has one value only."""
        return len(self.values) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An axis over [low, high], of whole numbers where the axis is a count."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether the axis has one value only."""
        return self.low == self.high


Axis: TypeAlias = Choices | Range


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec:
    """The sampler, the seed of the whole study, and each arm's guaranteed share."""

    #: Name of a row of `search.samplers.SAMPLERS`.
    name: str = "tpe"
    seed: int = 0
    #: Trials that each arm of a search gets before its sampler may choose the arm; None: all arms
    #: have the same number of trials, and each a sampler of its own.
    min_trials_per_activation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerSpec:
    """The pruner, and the trials that it compares a trial with."""

    #: Name of a row of `search.pruners.PRUNERS`.
    name: str = "successive_halving"
    scope: PrunerScope = PrunerScope.ACTIVATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of a study."""

    #: Trials of all searches together; 0: TRIALS_PER_SEARCH for each arm and search (see
    #: `search.study_checks`).
    trials: int = 0
    #: Epochs of a training that is not pruned.
    epochs: int = 30
    #: Wall-clock limit in seconds for all phases; None for no limit.
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The splits by which configurations are evaluated in each phase."""

    #: Independent searches of each arm: replicates that tell an arm from the luck of its search.
    searches: int = 4
    #: Cross-validation folds; 1 means one split into training and validation rows.
    folds: int = 3
    #: Share of the rows that the search never sees.
    test_fraction: float = 0.2
    #: Best configurations of each arm and search that race to be its champion; 0 skips the
    #: confirmation.
    confirm_top: int = 4
    #: Repeats of the confirmation at most, each with new splits and seeds.
    confirm_repeats: int = 8
    #: The greatest difference of no practical meaning: a share of the baseline's loss, or points of
    #: a metric that is a share; None for the default of the metric, see `search.analysis.region`.
    region: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """A study as a person asks for it; every field but the dataset has a sensible default."""

    #: Name of a built-in dataset or id of an upload.
    dataset: str
    name: str = ""
    #: What is compared: the axis whose values are the arms.
    question: Question = Question.ACTIVATION
    #: Task of the dataset; None: inferred from the target column.
    task: Task | None = None
    #: Axes that differ from the default space (see `search.space.search_space`).
    space: Mapping[str, Axis] = field(default_factory=dict)
    #: Activations of the person's own, which the axis `activation` has by name.
    expressions: tuple[Expression, ...] = ()
    sampler: SamplerSpec = SamplerSpec()
    pruner: PrunerSpec = PrunerSpec()
    budget: Budget = Budget()
    evaluation: Evaluation = Evaluation()
    #: Names of the metrics to optimise, the first of which also prunes; empty: log_loss, or mse for
    #: regression.
    objectives: tuple[str, ...] = ()
    #: Extensions of the finished study so far: as many verdicts there have been.
    extensions: int = 0
    #: Trials that were recorded when the study was extended last, which its samplers start from.
    history: int = 0
    #: Complete trials that other programs had added to it by then, which teach its samplers.
    outside: int = 0
    #: Repeats of the confirmation that a person has asked for, also where more would tell little.
    least_repeats: int = 0
