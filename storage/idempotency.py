"""Idempotency keys: a request to create a study that is sent twice creates one study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from search.errors import Conflict
from search.study import StudySpec
from storage.rows.spec_json import write_spec
from storage.sql.tables import IDEMPOTENCY


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """An idempotency key, and a fingerprint of the request that came with it."""

    key: str
    fingerprint: str

    @classmethod
    def of(
        cls, key: str, spec: StudySpec, directions: Sequence[str], metric_names: Sequence[str]
    ) -> RequestKey:
        """Return the key of a request to create a study."""
        request = [json.loads(write_spec(spec)), list(directions), list(metric_names)]
        text = json.dumps(request, sort_keys=True)
        return cls(key=key, fingerprint=sha256(text.encode()).hexdigest())

    def find(self, connection: Connection) -> str | None:
        """Return the id of the study created with this key, None where there is none.

        Conflict where the study was created by a different request.
        """
        row = connection.execute(
            select(IDEMPOTENCY.c.fingerprint, IDEMPOTENCY.c.study_id).where(
                IDEMPOTENCY.c.key == self.key
            )
        ).one_or_none()
        if row is None:
            return None
        if row.fingerprint != self.fingerprint:
            raise Conflict(
                f"the idempotency key '{self.key}' was used for study '{row.study_id}' with "
                "another request; send a new key, or the same request"
            )
        study_id: str = row.study_id
        return study_id

    def record(self, connection: Connection, study_id: str, now: datetime) -> None:
        """Record that this key created the study."""
        connection.execute(
            insert(IDEMPOTENCY).values(
                key=self.key, fingerprint=self.fingerprint, study_id=study_id, created_at=now
            )
        )
