"""The changes of a study as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from search.errors import InvalidInput
from service.api.dependencies import ServicesDep, StudyId
from service.api.event_stream import EventStream
from service.api.openapi import Responses, problems

router = APIRouter(prefix="/v1/studies/{study_id}/events", tags=["results"])

_EXAMPLE = (
    'event: progress\ndata: {"trials_total": 200, "trials_finished": 12, ...}\nid: 31\n\n'
    'event: state\ndata: {"state": "running", "phase": "search", "error": null}\nid: 31\n\n'
)
_ANSWERS: Responses = {
    200: {
        "description": "Events `trial`, `progress`, `verdict` and `state`; their data are a trial "
        "without curves, the study's progress, the verdict, and the study's state.",
        "content": {
            # FastAPI describes each event; of the stream as a whole there is nothing to say.
            "text/event-stream": {"schema": {}, "example": _EXAMPLE},
        },
    },
    **problems(404, 422),
}


async def _stream(
    study_id: StudyId,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None,
        Header(description="`id` of the last event seen; `0` for all trials from the first on."),
    ] = None,
) -> EventStream:
    """Return the stream, checked before the answer begins: afterwards an error has no status."""
    await run_in_threadpool(services.results.version, study_id)
    if last_event_id is None:
        return EventStream(services, study_id, None)
    word = last_event_id.strip()
    if not (word.isascii() and word.isdecimal() and len(word) < 18):
        raise InvalidInput(
            f"Last-Event-ID is '{last_event_id[:60]}', but must be the id of an event, a whole "
            "number; leave it out to begin now, or send 0 for all trials",
            pointer="header:Last-Event-ID",
        )
    return EventStream(services, study_id, int(word))


@router.get("", response_class=EventSourceResponse, responses=_ANSWERS)
async def stream_events(
    stream: Annotated[EventStream, Depends(_stream)], response: Response
) -> AsyncIterator[ServerSentEvent]:
    """Stream what changes; without `Last-Event-ID` it begins with the study as it stands.

    The stream ends after the last event of a study that has ended.
    """
    response.headers["X-Accel-Buffering"] = "no"
    async for event in stream.events():
        yield event
