"""The plain values of a study: what was asked for, what was tried, what happened.

Nothing here imports torch, SQL or HTTP; every layer may import it. All values are frozen, times are
aware UTC, and `params` always hold the whole configuration of a network, fixed axes included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from search.study.diagnosis import Finding, LayerSnapshot
from search.study.spec import ParamValue


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


class TrialSource(StrEnum):
    """Who proposed a trial."""

    BASELINE = "baseline"
    REQUESTED = "requested"
    STRATIFIED = "stratified"
    SAMPLER = "sampler"


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
