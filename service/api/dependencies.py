"""Dependencies of the routes: repositories of the app's database, checked path parameters."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from prometheus_client import CollectorRegistry
from pydantic import AfterValidator

from search.errors import NotFound
from service.api.guards.key_ring import KeyRing
from service.api.long_polling import VersionWatcher
from service.api.study_size import StudyLimits
from service.bounded_process import BoundedProcess
from service.settings import Settings
from service.table_reading import TableReader
from storage import Database, Datasets, Queue, Results, Studies, Trials, WriteProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Settings, repositories and watcher of a running app; `app.state.services`."""

    settings: Settings
    database: Database
    studies: Studies
    trials: Trials
    datasets: Datasets
    results: Results
    queue: Queue
    #: Where networks predict, and where they are exported.
    predictions: BoundedProcess
    exports: BoundedProcess
    watcher: VersionWatcher
    key_ring: KeyRing
    tables: TableReader
    limits: StudyLimits
    #: What Prometheus reads.
    registry: CollectorRegistry
    #: Whether the database takes writes.
    write_probe: WriteProbe
    #: Whether this process started a worker, without which it is not ready.
    expects_worker: bool


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _id_of(kind: str) -> AfterValidator:
    def check(value: str) -> str:
        # Ids are plain words. Others need no query, and PostgreSQL would refuse a NUL in one.
        if not value.isascii() or not value.isprintable() or len(value) > 100:
            raise NotFound(kind, value[:100])
        return value

    return AfterValidator(check)


ServicesDep = Annotated[Services, Depends(_services)]
StudyId = Annotated[str, _id_of("study"), Path(examples=["st_k3fxw8mq2abz"])]
DatasetId = Annotated[str, _id_of("dataset"), Path(examples=["digits"])]
