"""What the events of a study hold, by kind."""

from __future__ import annotations

from collections.abc import Iterable

from search.study import (
    ConfirmationRun,
    ConfirmationsMade,
    Event,
    Phase,
    PhaseStarted,
    TestsMade,
    TrialRecord,
    TrialsChanged,
)


def trials_of(events: Iterable[Event]) -> tuple[TrialRecord, ...]:
    """Return the last record of every trial, in the order in which the trials appeared."""
    last = {r.number: r for e in events if isinstance(e, TrialsChanged) for r in e.trials}
    return tuple(last.values())


def runs_of(events: Iterable[Event]) -> tuple[ConfirmationRun, ...]:
    return tuple(run for e in events if isinstance(e, ConfirmationsMade) for run in e.runs)


def phases_of(events: Iterable[Event]) -> list[Phase]:
    return [event.phase for event in events if isinstance(event, PhaseStarted)]


def holdout_of(events: Iterable[Event]) -> TestsMade:
    """Return the one TestsMade; ValueError where there are none or several."""
    (made,) = (event for event in events if isinstance(event, TestsMade))
    return made
