"""The events that a running study yields, and the control that it polls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from search.study.records import ConfirmationRun, Phase, Progress, StudyState, TestRun, TrialRecord
from search.study.spec import ParamValue


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """A configuration that a person asks to try; the sampler chooses the axes left out."""

    #: Id that the trial is recorded with; a request is tried once.
    id: str
    params: Mapping[str, ParamValue]


class Stop(StrEnum):
    """Kinds of stop of a running study, which take effect at the next rung."""

    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Instructions to a running study, polled by the driver between rungs."""

    stop: Stop | None = None
    #: Whether the search is to end now, and the confirmation to begin.
    finish: bool = False
    requests: tuple[TrialRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialsChanged:
    """New or changed trials, each a whole record that replaces the trial's earlier one."""

    trials: tuple[TrialRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationsMade:
    """New confirmation runs, each a whole record."""

    runs: tuple[ConfirmationRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsMade:
    """All test runs of a study, which replace earlier ones."""

    runs: tuple[TestRun, ...]
    #: Archive of the refitted winner (see `search.networks.model_archive`); None without a winner.
    winner: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    """The beginning of a phase."""

    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMade:
    """The progress of the study at this moment."""

    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that a reader of the study has to know, a sentence; replaces an earlier one."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnded:
    """The last event of a run: completed, failed, paused or cancelled."""

    state: StudyState
    #: Why no trial of a failed study completed, one sentence; None in any other state.
    error: str | None = None


Event: TypeAlias = (
    TrialsChanged | ConfirmationsMade | TestsMade | PhaseStarted | ProgressMade | Noted | StudyEnded
)
