"""A study as asked for: dataset, space, sampler, pruner, budget and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

ParamValue: TypeAlias = str | float | int | bool | None


class Task(StrEnum):
    """What is predicted; decides the output activation and the loss."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"


class Scaling(StrEnum):
    """How numeric columns are scaled; `search.data.scaling` says how each works."""

    STANDARD = "standard"
    QUANTILE = "quantile"
    ROBUST = "robust"


class PrunerScope(StrEnum):
    """Whom a trial is compared with when pruning is decided."""

    ACTIVATION = "activation"
    STUDY = "study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """An axis that takes one of `values`; a single value fixes it."""

    values: tuple[ParamValue, ...]

    @property
    def is_fixed(self) -> bool:
        """True where there is nothing to search."""
        return len(self.values) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An axis over [low, high]; whole numbers where the axis counts something."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def is_fixed(self) -> bool:
        """True where there is nothing to search."""
        return self.low == self.high


Axis: TypeAlias = Choices | Range


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec:
    """Which Optuna sampler proposes, from which seed, and each activation's guaranteed share."""

    name: str = "tpe"
    seed: int = 0
    #: None: an even share of half the budget.
    min_trials_per_activation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerSpec:
    """Which Optuna pruner decides, and against whom a trial is compared."""

    name: str = "successive_halving"
    scope: PrunerScope = PrunerScope.ACTIVATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When a search ends."""

    trials: int = 200
    epochs: int = 30
    seconds: float | None = None  #: wall-clock limit; None for no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a configuration is judged."""

    #: Cross-validation folds; 1 means one holdout split.
    folds: int = 3
    #: Share of the rows that the search never sees.
    test_fraction: float = 0.2
    #: Best configurations of each activation that are trained again; 0 skips the confirmation.
    confirm_top: int = 3
    #: Fresh seeds each confirmed configuration gets.
    confirm_repeats: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """A study as asked for. Everything but the dataset has a default that makes a good study."""

    dataset: str
    name: str = ""
    #: None: inferred from the target column.
    task: Task | None = None
    #: Axes that differ from the default space (see `search.space.search_space`).
    space: Mapping[str, Axis] = field(default_factory=dict)
    sampler: SamplerSpec = SamplerSpec()
    pruner: PrunerSpec = PrunerSpec()
    budget: Budget = Budget()
    evaluation: Evaluation = Evaluation()
    #: Metrics to optimise, the first one also prunes; empty: log_loss, or mse for regression.
    objectives: tuple[str, ...] = ()
