"""Results of a study, with long polling."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import Services, ServicesDep, StudyId
from service.api.openapi import Responses, header, problems
from service.api.schemas.results import ResultsOut

router = APIRouter(prefix="/v1/studies/{study_id}/results", tags=["results"])

_ETAG = "Changes with the study; send it back as If-None-Match."
_ANSWERS: Responses = {
    **header(200, "ETag", _ETAG),
    304: {
        "description": "Nothing has changed since the ETag given.",
        **header(304, "ETag", _ETAG)[304],
    },
    **problems(404, 422),
}


@router.get("", response_model=ResultsOut, responses=_ANSWERS)
async def get_results(
    study_id: StudyId,
    services: ServicesDep,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for news.")] = 0.0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show what is known; with `wait` and an ETag, hold the answer until something changed."""
    if wait and if_none_match is None:
        # Without an ETag the client waits for the next change.
        seen = await run_in_threadpool(services.results.version, study_id)
        await services.watcher.wait(study_id, seen, seconds=wait)
    elif wait and if_none_match is not None:
        await services.watcher.wait(study_id, _version(_tags(if_none_match)), seconds=wait)
    return await run_in_threadpool(_answer, services, study_id, if_none_match)


def _answer(services: Services, study_id: str, if_none_match: str | None) -> Response:
    stored = services.results.get(study_id)
    etag = f'"{stored.version}"'
    if if_none_match is not None and not _tags(if_none_match).isdisjoint((etag, "*")):
        return Response(status_code=304, headers={"ETag": etag})
    body = ResultsOut.from_stored(services.studies.get(study_id), stored).model_dump_json()
    return Response(body, media_type="application/json", headers={"ETag": etag})


def _tags(header: str) -> set[str]:
    """Return the tags of an If-None-Match; weak ones, which proxies make, count as strong."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _version(tags: set[str]) -> int:
    """Return the latest version among these tags; -1 if none of them is one of ours."""
    numbers = (tag.strip('"') for tag in tags)
    return max(
        (int(n) for n in numbers if n.isascii() and n.isdecimal() and len(n) < 18), default=-1
    )
