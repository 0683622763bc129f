"""The records of a study: trials, confirmation runs, test runs, state and progress.

All values are frozen, times are aware UTC, and `params` always hold the whole configuration of a
network, fixed axes included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from search.study.block_sums import BlockSums
from search.study.diagnosis import Finding, LayerSnapshot
from search.study.spec import ParamValue


class StudyState(StrEnum):
    """State of a study: queued -> running -> completed | failed | cancelled; running <-> paused."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether the study has ended, so that no worker claims it unless it is extended."""
        return self in (StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED)


class Phase(StrEnum):
    """Phases of a running study, in this order."""

    SEARCH = "search"
    CONFIRM = "confirm"
    TEST = "test"


class TrialSource(StrEnum):
    """Origins of a trial: the baseline, a person's request, the stratified start, the sampler.

    The stratified start is drawn at random and never pruned, so its scores can be compared.
    """

    BASELINE = "baseline"
    REQUESTED = "requested"
    STRATIFIED = "stratified"
    SAMPLER = "sampler"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldCurve:
    """The learning curve of one fold of a trial; the four tuples have one entry per evaluation."""

    fold: int
    #: Epochs (counted from 1) after which the network was evaluated.
    epochs: tuple[int, ...]
    #: Mean training loss over the epochs since the previous evaluation.
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    #: The first objective on the validation rows, in its own direction.
    validation_score: tuple[float, ...]
    #: Epoch of the network that was scored last, where a training keeps its best epoch.
    best_epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial: a configuration with the results of its training on every fold so far."""

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
    #: Statistics of the hidden layers from epoch 0 on, mean over folds.
    layers: tuple[LayerSnapshot, ...] = ()
    #: Problems found by the diagnosis, the worst first.
    findings: tuple[Finding, ...] = ()
    #: Names of the findings, and "undefined" or "cancelled", which are no findings.
    flags: tuple[str, ...] = ()
    #: Reason why the trial failed or was ended early, a sentence.
    error: str | None = None
    #: Number of trainable parameters; 0 until the trial starts.
    parameters: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: Seconds of training, summed over the trial's lanes.
    fit_seconds: float = 0.0
    #: Id of the person's request; None unless `source` is "requested".
    request_id: str | None = None
    #: The independent search that asked for it, from 0.
    search: int = 0
    #: Rungs at which it was decided on; 0 before the first, and in records of older releases.
    rungs: int = 0

    @property
    def activation(self) -> str:
        """Name of the hidden activation."""
        return str(self.params["activation"])


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideTrial:
    """A complete trial that another program has added to the study through Optuna."""

    #: Values of the axes that it knows.
    params: Mapping[str, ParamValue]
    #: Objective values, as Optuna has them.
    values: tuple[float, ...]


class Role(StrEnum):
    """Roles of a configuration in the confirmation; the baseline is the usual ReLU network."""

    CANDIDATE = "candidate"
    BASELINE = "baseline"


class Stage(StrEnum):
    """Stages of the confirmation, each on resamples of its own."""

    #: A few entrants of each arm and search race to be its champion.
    RACE = "race"
    #: The champions and the baseline are compared.
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRun:
    """One configuration trained anew on one fold of one repeat.

    The split, the seed of the initial weights and the minibatches of a repeat and fold are new, and
    the same for all configurations of a stage: its runs of equal repeat and fold are pairs.
    """

    #: The search trial with this configuration; None for a baseline that no trial has tried.
    trial: int | None
    activation: str
    #: Name of the arm that the configuration belongs to; the activation where none is given.
    arm: str = ""
    #: The search whose entrant or champion it is; None for the baseline.
    search: int | None = None
    stage: Stage = Stage.CONFIRM
    #: The verdict that the run was made for: 0, or n after the n-th extension.
    verdict: int = 0
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
    #: None for a failed run, for the race, and for runs of older releases.
    blocks: BlockSums | None = None

    def __post_init__(self) -> None:
        """Name the arm after the activation where none is given, as in older releases."""
        if not self.arm:
            object.__setattr__(self, "arm", self.activation)


class TestRole(StrEnum):
    """Predictors that are scored on the test rows."""

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
    #: Refits that were scored on the test rows; 1 for a reference model, 0 without test rows.
    repeats: int
    #: Of the test rows, mean over the refits; None without test rows.
    test_blocks: BlockSums | None = None
    #: Of the confirmation's validation rows, summed over its repeats and folds; None without runs.
    validation_blocks: BlockSums | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a study: counts of trials and confirmation runs, rate and time left."""

    trials_total: int
    trials_finished: int = 0
    trials_pruned: int = 0
    trials_failed: int = 0
    trials_running: int = 0
    trials_per_second: float | None = None
    seconds_left: float | None = None
    best_value: float | None = None
    #: Number of runs of the confirmation; 0 until it begins.
    confirmations_total: int = 0
    confirmations_finished: int = 0
