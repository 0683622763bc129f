"""Whether the service lives, can work, and how it is doing."""

from importlib.metadata import version

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.dependencies import HouseDep
from service.openapi import Responses, problems
from service.schemas.health import AliveOut, ReadyOut

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
def get_health() -> AliveOut:
    """Tell that the process answers."""
    return AliveOut(status="alive", version=version("activation-search"))


_NOT_READY: Responses = {
    503: {
        "model": ReadyOut,
        "description": "Not ready.",
        "content": {
            "application/json": {
                "example": {"status": "not ready", "database": True, "workers": 0},
            }
        },
    }
}


@router.get("/readyz", responses=_NOT_READY)
def get_readiness(house: HouseDep, response: Response) -> ReadyOut:
    """Tell whether the database answers and, where this server started a worker, one is alive."""
    database = house.database.ping()
    workers = len(house.queue.live_workers(house.settings.lease_seconds)) if database else 0
    ready = database and (workers > 0 or not house.expects_worker)
    response.status_code = 200 if ready else 503
    return ReadyOut(status="ready" if ready else "not ready", database=database, workers=workers)


@router.get("/metrics", response_class=Response, responses=problems())
def get_metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
