"""The changes of a study as a stream of events, read off the database as its version grows.

A client that has seen version `seen` gets what has changed since: every event carries the version
up to which it tells, so that a client that comes back with it misses nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from fastapi.sse import ServerSentEvent
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from search.errors import NotFound
from search.study import TrialRecord
from service.api.dependencies import Services
from service.api.schemas.events import StateEventOut
from service.api.schemas.study_out import ProgressOut
from service.api.schemas.trial import TrialOut
from service.api.schemas.verdict import VerdictOut
from storage.rows.study_rows import StudyRow
from storage.sql.pagination import MAX_LIMIT

#: Seconds of one wait for a change; the framework sends comments between, so none is noticed.
_WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What has changed between two versions, and where reading goes on."""

    events: tuple[ServerSentEvent, ...]
    version: int
    is_last: bool


class EventStream:
    """The events of one study after version `seen`; None: as it stands now, and what follows."""

    def __init__(self, services: Services, study_id: str, seen: int | None) -> None:
        self._services = services
        self._study_id = study_id
        self._seen = seen
        self._told: dict[str, str] = {}

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Yield events until the study has ended, is deleted, or the server stops."""
        watcher = self._services.watcher
        while not watcher.is_closed:
            try:
                batch = await run_in_threadpool(self._read)
            except NotFound:  # deleted meanwhile
                return
            for event in batch.events:
                yield event
            if batch.is_last:
                return
            self._seen = batch.version
            try:
                await watcher.wait(self._study_id, batch.version, seconds=_WAIT_S)
            except NotFound:
                return

    def _read(self) -> _Batch:
        """Return what has changed since the version seen, in the order in which it happened."""
        study = self._services.studies.get(self._study_id)
        seen = study.version if self._seen is None else self._seen
        # Read after the study: a trial of a later version is told twice rather than never.
        trials = self._changed_trials(seen)
        found = [("trial", TrialOut.from_record(trial).model_dump_json()) for trial in trials]
        found += [
            (kind, data)
            for kind, body in self._standing(study)
            if self._is_news(kind, data := body.model_dump_json())
        ]
        events = tuple(
            ServerSentEvent(event=kind, id=str(study.version), raw_data=data)
            for kind, data in found
        )
        return _Batch(events=events, version=study.version, is_last=study.state.is_finished)

    def _changed_trials(self, seen: int) -> Sequence[TrialRecord]:
        """Return the trials that changed after version `seen`; all of the study if they are many.

        A trial is told twice rather than never.
        """
        changed = self._services.trials.changed_since(self._study_id, seen, MAX_LIMIT)
        if len(changed) < MAX_LIMIT:
            return changed
        trials: list[TrialRecord] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self._services.trials.list(
                self._study_id, limit=MAX_LIMIT, cursor=cursor or None
            )
            trials += page.items
            cursor = page.next_cursor
        return trials

    def _standing(self, study: StudyRow) -> Iterator[tuple[str, BaseModel]]:
        """Yield how the study stands, by kind of event; the state last, since it ends a stream."""
        yield "progress", ProgressOut.from_progress(study.progress)
        verdict = self._services.results.get(self._study_id).results.verdict
        if verdict is not None:
            yield "verdict", VerdictOut.from_verdict(verdict)
        yield "state", StateEventOut(state=study.state, phase=study.phase, error=study.error)

    def _is_news(self, kind: str, data: str) -> bool:
        """Whether an event of this kind would say something else than the last one did."""
        digest = hashlib.sha256(data.encode()).hexdigest()
        is_news = self._told.get(kind) != digest
        self._told[kind] = digest
        return is_news
