"""All trials of a study as lines of CSV, in the columns of the client's `trials_frame`."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain

from search.study import TrialRecord
from storage import Trials
from storage.sql.pagination import MAX_LIMIT

_FIRST = ("number", "state", "source", "value")
_LAST = ("parameters", "fit_seconds", "flags", "error", "started_at", "finished_at")


def trials_csv(trials: Trials, study_id: str, *, objectives: int) -> Iterator[bytes]:
    """Return the pieces of a header and a line a trial, in the order of their numbers.

    Columns: `number`, `state`, `source`, `value` (the first objective; with two, also `value_2`),
    the axes of the configurations, the metrics as `metric_NAME`, `parameters`, `fit_seconds`,
    `flags`, `error`, `started_at` and `finished_at`. What a trial lacks is empty. Trials are read
    by pages, twice, so that memory does not grow with them.

    Raises NotFound for an unknown study. The first piece is read before this returns, so that a
    study deleted a moment ago is answered as such; one deleted later breaks the table off.
    """
    further = [f"value_{place}" for place in range(2, objectives + 1)]
    axes: dict[str, None] = {}
    metrics: dict[str, None] = {}
    for page in _pages(trials, study_id):
        for trial in page:
            axes.update(dict.fromkeys(trial.params))
            metrics.update(dict.fromkeys(f"metric_{name}" for name in trial.metrics))
    text = StringIO()
    # An axis that only came up between the two readings is left out.
    writer = csv.DictWriter(
        text, [*_FIRST, *further, *axes, *metrics, *_LAST], extrasaction="ignore"
    )
    writer.writeheader()

    def piece(page: Sequence[TrialRecord]) -> bytes:
        writer.writerows(map(_row, page))
        written = text.getvalue().encode()
        text.seek(0)
        text.truncate()
        return written

    pieces = map(piece, _pages(trials, study_id))
    return chain([next(pieces)], pieces)


def _pages(trials: Trials, study_id: str) -> Iterator[tuple[TrialRecord, ...]]:
    cursor: str | None = None
    while True:
        page = trials.list(study_id, limit=MAX_LIMIT, cursor=cursor)
        yield tuple(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def _row(trial: TrialRecord) -> dict[str, object]:
    values = {
        "value" if place == 1 else f"value_{place}": value
        for place, value in enumerate(trial.values or (), start=1)
    }
    times = {"started_at": trial.started_at, "finished_at": trial.finished_at}
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "source": trial.source.value,
        **values,
        **trial.params,
        **{f"metric_{name}": value for name, value in trial.metrics.items()},
        "parameters": trial.parameters,
        "fit_seconds": trial.fit_seconds,
        "flags": ", ".join(trial.flags),
        "error": trial.error,
        **{name: time and time.isoformat() for name, time in times.items()},
    }
