"""The plain values of a study: what was asked for, what was tried, what happened.

Nothing here imports torch, SQL or HTTP; every layer may import it. All values are frozen, times are
aware UTC, and `params` always hold the whole configuration of a network, fixed axes included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from search.study.diagnosis import Finding, LayerSnapshot

ParamValue: TypeAlias = str | float | int | bool | None


class Task(StrEnum):
    """What is predicted; decides the output activation and the loss."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"


class StudyState(StrEnum):
    """queued -> running -> completed | failed | cancelled; running <-> paused."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """True where no worker will touch the study again unless it is extended."""
        return self in (StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED)


class Phase(StrEnum):
    """What a running study is doing."""

    SEARCH = "search"
    CONFIRM = "confirm"
    TEST = "test"


class PrunerScope(StrEnum):
    """Whom a trial is compared with when pruning is decided."""

    ACTIVATION = "activation"
    STUDY = "study"


class TrialSource(StrEnum):
    """Who proposed a trial."""

    BASELINE = "baseline"
    REQUESTED = "requested"
    STRATIFIED = "stratified"
    SAMPLER = "sampler"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldCurve:
    """How one fold of a trial learned; the four tuples have one entry per evaluation."""

    fold: int
    #: Epochs (counted from 1) after which the network was evaluated.
    epochs: tuple[int, ...]
    #: Mean training loss over the epochs since the evaluation before.
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    #: The first objective on the validation rows, in its own direction.
    validation_score: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One configuration, trained on every fold, as far as it has come."""

    number: int
    state: TrialState
    source: TrialSource
    #: The whole configuration, fixed axes included.
    params: Mapping[str, ParamValue]
    #: Distributions of the axes that were searched; a subset of the keys of `params`.
    distributions: Mapping[str, BaseDistribution]
    #: Objective values (mean over folds), None until complete.
    values: tuple[float, ...] | None = None
    #: Epoch -> first objective, mean over folds.
    intermediate_values: Mapping[int, float] = field(default_factory=dict)
    #: Every metric of the task at the last evaluation, mean over folds.
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: tuple[FoldCurve, ...] = ()
    #: The hidden layers from epoch 0 on, mean over folds; and what is wrong, the worst first.
    layers: tuple[LayerSnapshot, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: Names of the findings; "undefined" and "cancelled" are no finding.
    flags: tuple[str, ...] = ()
    #: Why a trial failed or was ended early, a sentence.
    error: str | None = None
    parameters: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: Seconds of training that this trial's lanes cost.
    fit_seconds: float = 0.0
    request_id: str | None = None  #: of the person's request, where source is "requested"

    @property
    def activation(self) -> str:
        """Name of the hidden activation."""
        return str(self.params["activation"])


class Role(StrEnum):
    """Why a configuration is trained again; the baseline is the usual ReLU network."""

    CANDIDATE = "candidate"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRun:
    """One configuration trained anew on one fold of one repeat.

    Split, weights and minibatches are fresh, and shared by all configurations: runs of equal
    repeat and fold are pairs.
    """

    #: The search trial with this configuration; None for a baseline that no trial has tried.
    trial: int | None
    activation: str
    role: Role
    params: Mapping[str, ParamValue]
    repeat: int
    fold: int
    #: Every metric on the validation rows after the last epoch; empty where `failure` says why.
    scores: Mapping[str, float]
    failure: str | None
    train_rows: int
    validation_rows: int
    fit_seconds: float


class TestRole(StrEnum):
    """What is scored on the test rows."""

    WINNER = "winner"
    BASELINE = "baseline"
    LINEAR = "linear"
    TRIVIAL = "trivial"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """One predictor refitted on all development rows and scored once on the test rows."""

    role: TestRole
    params: Mapping[str, ParamValue]
    #: Every metric on the test rows, mean over `repeats` refits; empty where all failed.
    scores: Mapping[str, float]
    #: Every metric on the confirmation's validation rows, mean over its repeats and folds.
    validation_scores: Mapping[str, float]
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a study is."""

    trials_total: int
    trials_finished: int = 0
    trials_pruned: int = 0
    trials_failed: int = 0
    trials_running: int = 0
    trials_per_second: float | None = None
    seconds_left: float | None = None
    best_value: float | None = None
    #: Runs of the confirmation; 0 until it begins.
    confirmations_total: int = 0
    confirmations_finished: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """A configuration the person wants tried; axes not given are the sampler's choice."""

    id: str
    params: Mapping[str, ParamValue]


class Stop(StrEnum):
    """Why a running study should stop at the next rung."""

    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the outside wants of a running study; polled by the driver between rungs."""

    stop: Stop | None = None
    requests: tuple[TrialRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialsChanged:
    """New or changed trials, whole; recording one again replaces what was known of it."""

    trials: tuple[TrialRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationsMade:
    """New confirmation runs, whole."""

    runs: tuple[ConfirmationRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsMade:
    """What the test rows say, all of it at once; replaces what was known."""

    runs: tuple[TestRun, ...]
    #: The winner refitted, see `search.networks.model_archive`.
    winner: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    """The study entered a phase."""

    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMade:
    """How far the study is now."""

    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnded:
    """The last event of a run: completed, paused or cancelled."""

    state: StudyState


Event: TypeAlias = (
    TrialsChanged | ConfirmationsMade | TestsMade | PhaseStarted | ProgressMade | StudyEnded
)
