"""Trials of a study, and configurations of the person's own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from optuna.trial import TrialState

from search.activations import get_activation
from search.errors import UnknownChoice
from search.study import StudySpec
from search.study_checks import study_space
from service.api.dependencies import ServicesDep, StudyId
from service.api.openapi import problems
from service.api.schemas.trial import TrialDetailOut, TrialPage, TrialRequestModel, TrialRequestOut

router = APIRouter(prefix="/v1/studies/{study_id}/trials", tags=["trials"])
StateName = Literal["running", "complete", "pruned", "fail", "waiting"]


@router.get("", responses=problems(404, 422))
def list_trials(
    study_id: StudyId,
    services: ServicesDep,
    state: StateName | None = None,
    activation: str | None = None,
    order: str = "number",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> TrialPage:
    """List trials without their curves; `-value` and the like reverse the order."""
    if activation is not None:
        activation = _arm(activation, services.studies.get(study_id).spec)
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
    spec = services.studies.get(study_id).spec
    space = study_space(spec)
    return TrialRequestOut.from_request(
        services.studies.add_request(study_id, space.check(body.params))
    )


def _arm(name: str, spec: StudySpec) -> str:
    """Return the arm of a study by a name of the catalog, in any spelling, or of the person's."""
    own = [expression.name for expression in spec.expressions]
    if name in own:
        return name
    try:
        return get_activation(name).name
    except UnknownChoice as error:
        raise UnknownChoice(
            "activation", name, [*own, *error.choices], pointer="/activation"
        ) from error
