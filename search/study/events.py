"""What a running study tells and is told: its events, and the wishes of those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from search.study.records import ConfirmationRun, Phase, Progress, StudyState, TestRun, TrialRecord
from search.study.spec import ParamValue


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
    #: Why no trial of a completed study completed, one sentence; None where one did.
    error: str | None = None


Event: TypeAlias = (
    TrialsChanged | ConfirmationsMade | TestsMade | PhaseStarted | ProgressMade | StudyEnded
)
