"""The replay of an interrupted search: it is run again from its start, and recorded trials answer.

Whatever a search does follows from its seed, its requests and the results of its trials, in that
order. So a search that was interrupted is run again, with the recorded results in the place of
training, until nothing more is recorded: samplers, pruners and batches are then where they were.
What is proposed on the way is compared with the record. Where the two differ, which another release
may bring about, the search cannot be repeated, and its samplers start anew from the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from search.study import StudySpec, TrialRecord, TrialRequest, TrialSource

#: What a proposal is compared by.
_COMPARED = ("params", "source", "search", "request_id")


class ReplayMismatch(Exception):
    """A search that is run again goes another way than it is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The recorded trials of one run of a search; none where there is nothing to repeat."""

    trials: Mapping[int, TrialRecord] = field(default_factory=dict)
    #: By id, those that recorded trials were asked for by.
    requests: Mapping[str, TrialRequest] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The number after that of the last recorded trial; 0 without any."""
        return max(self.trials, default=-1) + 1

    @property
    def finished(self) -> dict[int, TrialRecord]:
        """The trials that need no training, by number."""
        return {n: record for n, record in self.trials.items() if record.state.is_finished()}

    def request(self, number: int) -> TrialRequest | None:
        """Return the request that trial `number` was asked for by; None of any other trial.

        Raises ReplayMismatch where it is not known.
        """
        record = self.trials.get(number)
        if record is None:
            raise ReplayMismatch(f"trial {number} is not recorded")
        if record.source is not TrialSource.REQUESTED:
            return None
        request = self.requests.get(record.request_id or "")
        if request is None:
            raise ReplayMismatch(f"the request of trial {number} is not recorded")
        return request

    def check(self, proposed: TrialRecord) -> None:
        """Raise ReplayMismatch where the record of that number is of another proposal."""
        record = self.trials.get(proposed.number)
        if record is None:
            return
        for name in _COMPARED:
            if getattr(record, name) != getattr(proposed, name):
                raise ReplayMismatch(f"trial {proposed.number} is proposed with another {name}")
        if record.state.is_finished() and not record.rungs:
            raise ReplayMismatch(f"where trial {proposed.number} ended is not recorded")


def split_history(
    spec: StudySpec, history: Sequence[TrialRecord], requests: Sequence[TrialRequest]
) -> tuple[tuple[TrialRecord, ...], Replay]:
    """Return the trials that a run of `spec` started from, and the replay of those it made.

    There is nothing to repeat where no more trials are asked for, and nothing can be where a limit
    in seconds has ended the search or may: then a run starts from all trials.
    """
    made = [record for record in history if record.number >= spec.history]
    is_over = len(history) >= spec.budget.trials and all(r.state.is_finished() for r in made)
    if spec.budget.seconds is not None or is_over or not made:
        return tuple(history), Replay()
    return (
        tuple(record for record in history if record.number < spec.history),
        Replay(
            trials={record.number: record for record in made},
            requests={request.id: request for request in requests},
        ),
    )
