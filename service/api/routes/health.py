"""Liveness, readiness and metrics of the service."""

from importlib.metadata import version

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from search.errors import NotReady
from service.api.dependencies import ServicesDep
from service.api.openapi import problems
from service.api.schemas.health import AliveOut, ReadyOut

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
async def get_health() -> AliveOut:
    """Tell that the process answers."""
    # On the event loop: the threads of the other routes may all be waiting for the database.
    return AliveOut(status="alive", version=version("activation-search"))


@router.get("/readyz", responses=problems(503))
def get_readiness(services: ServicesDep) -> ReadyOut:
    """Tell whether the database answers and, where this server started a worker, one is alive."""
    if not services.database.ping():
        raise NotReady("the database does not answer; see the server's log, and the disk it is on")
    fault = services.write_probe.fault()
    if fault is not None:
        raise NotReady(f"nothing can be written: {fault}")
    workers = len(services.queue.live_workers(services.settings.lease_seconds))
    if services.expects_worker and workers == 0:
        raise NotReady(
            f"no worker has given a sign of life for {services.settings.lease_seconds:g} s; it "
            "takes some seconds to start, and the server's log says why one has ended"
        )
    return ReadyOut(status="ready", database=True, workers=workers)


_EXAMPLE = """# HELP activation_search_queue_depth Studies that wait for a worker.
# TYPE activation_search_queue_depth gauge
activation_search_queue_depth 3.0
"""


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}, **problems()},
)
def get_metrics(services: ServicesDep) -> Response:
    """Prometheus metrics of this process and of the database."""
    return Response(generate_latest(services.registry), media_type=CONTENT_TYPE_LATEST)
