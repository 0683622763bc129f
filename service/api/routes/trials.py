"""Trials of a study, and configurations of the person's own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from optuna.trial import TrialState

from search.space import build_space
from service.api.dependencies import ActivationFilter, ServicesDep, StudyId
from service.api.openapi import problems
from service.api.schemas.trial import TrialDetailOut, TrialPage, TrialRequestModel, TrialRequestOut

router = APIRouter(prefix="/v1/studies/{study_id}/trials", tags=["trials"])
StateName = Literal["running", "complete", "pruned", "fail", "waiting"]


@router.get("", responses=problems(404, 422))
def list_trials(
    study_id: StudyId,
    services: ServicesDep,
    state: StateName | None = None,
    activation: ActivationFilter | None = None,
    order: str = "number",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> TrialPage:
    """List trials without their curves; `-value` and the like reverse the order."""
    return TrialPage.from_page(
        services.trials.list(
            study_id,
            state=None if state is None else TrialState[state.upper()],
            activation=activation,
            order=order,
            limit=limit,
            cursor=cursor,
        )
    )


@router.get("/{number}", responses=problems(404, 422))
def get_trial(
    study_id: StudyId, number: Annotated[int, Path(ge=0, le=2**31 - 1)], services: ServicesDep
) -> TrialDetailOut:
    """Show one trial with its curves and the diagnostics of its layers."""
    return TrialDetailOut.from_record(services.trials.get(study_id, number))


@router.post("", status_code=202, responses=problems(400, 404, 409, 413, 422))
def request_trial(
    study_id: StudyId, body: TrialRequestModel, services: ServicesDep
) -> TrialRequestOut:
    """Have one configuration tried next; axes that are left out are the sampler's choice."""
    space = build_space(services.studies.get(study_id).spec.space)
    return TrialRequestOut.from_request(
        services.studies.add_request(study_id, space.check(body.params))
    )
