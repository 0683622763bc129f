"""The web application: routes, errors as problems, and the Optuna dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from search.data.table_limits import TableLimits
from service.api.body_limit import BodyLimit
from service.api.dashboard import DashboardRoute
from service.api.dependencies import Services
from service.api.docs import add_docs
from service.api.guards.answer_headers import AnswerHeaders
from service.api.guards.browser_guard import BrowserGuard
from service.api.guards.key_guard import KeyGuard
from service.api.guards.key_ring import KeyRing
from service.api.guards.loopback import is_loopback
from service.api.guards.rate_guard import RateGuard
from service.api.long_polling import VersionWatcher
from service.api.metrics import (
    DatabaseCollector,
    DatabaseWaits,
    RequestMetrics,
    registry_of_process,
)
from service.api.openapi import document_problems, problems
from service.api.problems import add_problem_handlers
from service.api.request_log import RequestLog
from service.api.routes import (
    catalog,
    datasets,
    events,
    health,
    pages,
    results,
    start,
    studies,
    takehome,
    trials,
)
from service.api.study_size import StudyLimits
from service.api.unknown_parameters import refuse_unknown_names
from service.bounded_process import BoundedProcess, Limits
from service.settings import Settings
from service.table_reading import TableReader
from storage import (
    Datasets,
    Keys,
    Queue,
    Results,
    Statistics,
    Studies,
    Trials,
    Wakeups,
    WriteProbe,
    open_database,
)
from storage.wakeups import VERSIONS

_ROUTERS = (catalog, datasets, studies, trials, results, events, takehome)
#: How long a request waits for another program that holds SQLite's file, before it gets 503.
_BUSY_SECONDS = 3.0
#: Of a process that predicts; a million rows take ten seconds.
_PREDICTION = Limits(seconds=300.0)
#: Of a process that writes an export; libraries of networks take seconds to load.
_EXPORT = Limits(memory_bytes=4 * 2**30, seconds=120.0)


def create_app(settings: Settings, *, expects_worker: bool = False) -> FastAPI:
    """Build the application; it opens the database when it starts and closes it when it ends.

    With `expects_worker`, for a process that started one, it is ready only while a worker is alive.
    """
    registry = registry_of_process()
    waits = DatabaseWaits(registry)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = open_database(
            settings.database, on_wait=waits.observe, busy_seconds=_BUSY_SECONDS
        )
        collector = DatabaseCollector(Statistics(database), database.file, settings.lease_seconds)
        registry.register(collector)
        results_of = Results(database)
        write_probe = WriteProbe(database)
        loop = asyncio.get_running_loop()

        def tell(channel: str, study_id: str) -> None:
            if channel == VERSIONS:
                loop.call_soon_threadsafe(watcher.tell, study_id)

        wakeups = Wakeups(database, tell)
        watcher = VersionWatcher(
            results_of.version,
            interval=settings.watch_poll_seconds,
            is_told=lambda: wakeups.is_heard,
        )
        key_ring = KeyRing(Keys(database), is_required=not is_loopback(settings.host))
        app.state.services = Services(
            settings=settings,
            database=database,
            studies=Studies(
                database,
                most_queued=settings.max_queued_studies,
                lease_seconds=settings.lease_seconds,
            ),
            trials=Trials(database),
            datasets=Datasets(
                database, most=settings.max_datasets, most_bytes=settings.max_stored_bytes
            ),
            results=results_of,
            queue=Queue(database),
            predictions=BoundedProcess(
                _PREDICTION, purpose="predicting", way_out="send fewer rows at once"
            ),
            exports=BoundedProcess(
                _EXPORT, purpose="writing the export", way_out="choose another format"
            ),
            watcher=watcher,
            key_ring=key_ring,
            tables=_table_reader(settings),
            limits=StudyLimits(
                trials=settings.max_trials,
                parameters=settings.max_parameters,
                seconds=settings.max_study_seconds,
            ),
            registry=registry,
            write_probe=write_probe,
            expects_worker=expects_worker,
        )
        dashboard = DashboardRoute(app.state.services)
        app.router.routes.append(dashboard)
        try:
            yield
        finally:
            app.router.routes.remove(dashboard)
            registry.unregister(collector)
            watcher.close()
            wakeups.close()
            key_ring.close()
            write_probe.close()
            database.close()

    app = FastAPI(
        title="activation-search",
        description="Which activation function suits your data, and how sure is that?",
        lifespan=lifespan,
        # Ours need no CDN.
        docs_url=None,
        redoc_url=None,
        # `create_study`: clients that are generated name their methods so.
        generate_unique_id_function=lambda route: route.name,
    )
    add_problem_handlers(app)
    add_docs(app)
    app.add_middleware(
        BodyLimit,
        most=settings.max_body_bytes,
        uploads={
            "/v1/datasets": settings.max_upload_bytes,
            start.TABLE_PATH: settings.max_upload_bytes,
            "/v1/studies/[^/]+/predict": settings.max_prediction_bytes,
        },
    )
    # The middleware added last is the first to see a request.
    app.add_middleware(
        RateGuard, reads=settings.reads_per_minute, writes=settings.writes_per_minute
    )
    app.add_middleware(KeyGuard)
    if settings.allowed_origins:
        # Before the keys, which a browser does not send when it asks whether it may.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
            expose_headers=["ETag", "Location", "Retry-After"],
        )
    app.add_middleware(
        BrowserGuard,
        host=settings.host,
        hosts=settings.allowed_hosts,
        origins=settings.allowed_origins,
    )
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RequestLog, metrics=RequestMetrics(registry))
    app.include_router(health.router)
    app.include_router(pages.router)
    app.include_router(start.router)
    for module in _ROUTERS:
        app.include_router(
            module.router, dependencies=[Depends(refuse_unknown_names)], responses=problems(422)
        )
    document_problems(app)
    return app


def _table_reader(settings: Settings) -> TableReader:
    return TableReader(
        TableLimits(
            rows=settings.max_table_rows,
            columns=settings.max_table_columns,
            cells=settings.max_table_cells,
            way_out=", or raise ACTIVATION_SEARCH_MAX_TABLE_ROWS, _COLUMNS or _CELLS",
        ),
        bytes_=settings.max_upload_bytes,
        memory_bytes=settings.read_memory_bytes,
        seconds=settings.read_seconds,
        at_once=settings.read_at_once,
    )
