"""What Prometheus reads at `/metrics`: this process's requests and the whole database's state.

Requests and waits are counted in this process as they come. What workers, which serve nothing, have
measured is read from the database at each scrape, with queue, trials and room on the disk.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import (
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Scope

from search.study import StudyState
from storage import Statistics
from storage.measurements import WAIT_BOUNDS
from storage.statistics import DatabaseState

PREFIX = "activation_search_"
#: Seconds; the answers of a quiet server take 1 to 20 ms.
_REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestMetrics:
    """Requests of this process: how many, by route and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            f"{PREFIX}http_requests",
            "Requests answered; without a status, those whose client left.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}http_request_duration_seconds",
            "Seconds to the first byte of an answer, of requests that did not ask to wait.",
            ("method", "route"),
            buckets=_REQUEST_BOUNDS,
            registry=registry,
        )

    def count(self, scope: Scope, status: int, seconds: float | None) -> None:
        """Count one request by the route that answered it; `seconds` None where none did."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route_of(scope)
        self._requests.labels(method, route, str(status) if status else "").inc()
        if seconds is not None and b"wait=" not in scope["query_string"]:
            self._seconds.labels(method, route).observe(seconds)


#: Others are anybody's words, and each would be a series of its own.
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def _route_of(scope: Scope) -> str:
    """Return the template of the path, never the path itself, of which there are any number."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


class DatabaseWaits:
    """Seconds for which transactions of this process waited until they could begin."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            f"{PREFIX}database_wait_seconds",
            "Seconds until a transaction of this process could begin.",
            ("kind",),
            buckets=WAIT_BOUNDS,
            registry=registry,
        )

    def observe(self, kind: str, seconds: float) -> None:
        """Count one wait, of `kind` "read" or "write"."""
        self._seconds.labels(kind).observe(seconds)


class DatabaseCollector(Collector):
    """Reads the state of the database and of its disk at each scrape."""

    def __init__(self, statistics: Statistics, file: Path | None, lease_seconds: float) -> None:
        """`file` is that of SQLite, None where a server has the database."""
        self._statistics = statistics
        self._file = file
        self._lease_seconds = lease_seconds

    def collect(self) -> Iterator[Metric]:
        """Yield what can be read; `database_up` is 0 where the database does not answer."""
        try:
            state = self._statistics.read(self._lease_seconds)
        except SQLAlchemyError:
            state = None
        yield GaugeMetricFamily(
            f"{PREFIX}database_up", "1 where the database answers.", value=float(state is not None)
        )
        if state is not None:
            yield from _of_state(state)
        yield from self._room()

    def _room(self) -> Iterator[Metric]:
        free = GaugeMetricFamily(
            f"{PREFIX}disk_free_bytes", "Bytes left where the files are.", labels=("place",)
        )
        if self._file is not None:
            free.add_metric(("database",), _free(self._file.parent))
            yield GaugeMetricFamily(
                f"{PREFIX}database_size_bytes",
                "Bytes of the database's file and its log.",
                value=float(sum(_size(f"{self._file}{end}") for end in ("", "-wal"))),
            )
        free.add_metric(("temporary",), _free(Path(tempfile.gettempdir())))
        yield free


def _of_state(state: DatabaseState) -> Iterator[Metric]:
    studies = GaugeMetricFamily(
        f"{PREFIX}studies", "Studies recorded, by state.", labels=("state",)
    )
    for name in StudyState:
        studies.add_metric((name.value,), state.studies.get(name, 0))
    yield studies
    yield GaugeMetricFamily(
        f"{PREFIX}queue_depth", "Studies that wait for a worker.", value=float(state.queued)
    )
    yield GaugeMetricFamily(
        f"{PREFIX}queue_age_seconds",
        "Seconds for which the study that waits longest has waited; 0 without one.",
        value=state.queue_age_seconds,
    )
    trials = GaugeMetricFamily(
        f"{PREFIX}trials", "Trials of all recorded studies, by state.", labels=("state",)
    )
    for state_name, count in state.trials.items():
        trials.add_metric((state_name,), count)
    yield trials
    yield GaugeMetricFamily(
        f"{PREFIX}workers", "Workers that gave a sign of life.", value=float(state.workers)
    )
    yield HistogramMetricFamily(
        f"{PREFIX}segment_seconds",
        "Seconds that training processes spent on a segment, of all workers there have been.",
        buckets=state.segments.cumulative(),
        sum_value=state.segments.total,
    )


def registry_of_process() -> CollectorRegistry:
    """Return a registry with memory, processor time and files of this process."""
    # It would add a gauge to each counter. The library's function has no types.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _free(folder: Path) -> float:
    try:
        return float(shutil.disk_usage(folder).free)
    except OSError:
        return float("nan")


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
