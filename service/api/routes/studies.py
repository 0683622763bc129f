"""Studies: create, show, list, pause, resume, cancel, extend, delete."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from search.study import StudyState
from service.api.dependencies import ServicesDep, StudyId
from service.api.extension import extend_spec
from service.api.guards.key_guard import key_of
from service.api.openapi import header, problems
from service.api.schemas.study import ExtensionModel, StudyModel
from service.api.schemas.study_out import StudyOut, StudyPage
from service.api.study_checks import check_study, queue_study
from service.api.study_documents import study_out
from service.stored_datasets import dataset_id_of

router = APIRouter(prefix="/v1/studies", tags=["studies"])


_LOCATION = header(202, "Location", "Where the study is.")


@router.post("", status_code=202, responses={**_LOCATION, **problems(400, 409, 413, 422, 503)})
def create_study(
    body: StudyModel,
    services: ServicesDep,
    request: Request,
    response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> StudyOut:
    """Queue a study; the same Idempotency-Key with the same body gives the first study again."""
    spec = body.to_spec()
    spec = replace(spec, dataset=dataset_id_of(services.datasets, spec.dataset))
    checked = check_study(spec, services.datasets, services.tables, services.limits)
    row = queue_study(
        services.studies,
        spec,
        checked,
        idempotency_key=idempotency_key,
        client=key_of(request.scope),
    )
    response.headers["Location"] = f"/v1/studies/{row.id}"
    return StudyOut.from_row(row)


@router.get("", responses=problems(422))
def list_studies(
    services: ServicesDep,
    state: StudyState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
) -> StudyPage:
    """List studies, newest first."""
    return StudyPage.from_page(services.studies.list(state=state, limit=limit, cursor=cursor))


@router.get("/{study_id}", responses=problems(404))
def get_study(study_id: StudyId, services: ServicesDep) -> StudyOut:
    """Show one study and how far it is."""
    return study_out(services, services.studies.get(study_id))


@router.post("/{study_id}/pause", status_code=202, responses=problems(404, 409))
def pause_study(study_id: StudyId, services: ServicesDep) -> StudyOut:
    """Stop at the next rung; what is unfinished is trained again on resume."""
    return StudyOut.from_row(services.studies.pause(study_id))


@router.post("/{study_id}/resume", status_code=202, responses=problems(404, 409))
def resume_study(study_id: StudyId, services: ServicesDep) -> StudyOut:
    """Queue a paused study again."""
    return StudyOut.from_row(services.studies.resume(study_id))


@router.post("/{study_id}/cancel", status_code=202, responses=problems(404, 409))
def cancel_study(study_id: StudyId, services: ServicesDep) -> StudyOut:
    """End a study for good and keep what it found."""
    return StudyOut.from_row(services.studies.cancel(study_id))


@router.post("/{study_id}/extend", status_code=202, responses=problems(400, 404, 409, 413, 422))
def extend_study(study_id: StudyId, body: ExtensionModel, services: ServicesDep) -> StudyOut:
    """Queue a completed or cancelled study again for more trials, searches or repeats.

    The search goes on from its history; of the confirmation only what is missing is trained. The
    study's wall-clock limit is lifted.
    """
    verdict = services.results.get(study_id).results.verdict
    done = verdict.repeats if verdict else 0
    return StudyOut.from_row(
        services.studies.extend(study_id, lambda row: extend_spec(row, body, done, services.limits))
    )


@router.post("/{study_id}/finish", status_code=202, responses=problems(404, 409))
def finish_study(study_id: StudyId, services: ServicesDep) -> StudyOut:
    """End the search now and go on to the confirmation, which a cancelled study never has."""
    return StudyOut.from_row(services.studies.finish(study_id))


@router.delete("/{study_id}", status_code=204, responses=problems(404, 409))
def delete_study(study_id: StudyId, services: ServicesDep) -> None:
    """Delete a study that is not running, with all its trials."""
    services.studies.delete(study_id)
