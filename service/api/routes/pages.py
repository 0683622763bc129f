"""The web pages: the list of studies, a study's report, and the report as one file."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from search.analysis.figures import FigureName, StudyView, draw_figures, layer_figure
from search.errors import InvalidInput, NotFound
from search.study import StudyState
from service.api.dependencies import ServicesDep, StudyId
from service.api.page_route import PageRoute, page
from service.api.study_documents import study_document, trial_detail
from service.api.study_lines import study_lines
from service.pages.comparison import FEWEST, MOST, comparison
from service.pages.report import report, report_policy
from service.pages.static_files import static_file
from service.pages.templating import render

router = APIRouter(include_in_schema=False, route_class=PageRoute)

#: The address of a static file changes with its content, so that it may be kept for a year.
_KEEP = "public, max-age=31536000, immutable"
TrialNumber = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/")
def list_studies(
    request: Request, services: ServicesDep, q: str = "", state: str = "", cursor: str | None = None
) -> HTMLResponse:
    """List the studies, newest first; of `state`, and with all words of `q`."""
    states = [each.value for each in StudyState]
    if state and state not in states:
        raise InvalidInput(f"the state is '{state[:60]}', but must be one of {', '.join(states)}")
    found = study_lines(
        services, words=q, state=StudyState(state) if state else None, cursor=cursor or None
    )
    values: dict[str, Any] = {"words": q, "state": state, "states": states}
    here = f"/?{request.url.query}"
    rows = {"lines": found.lines, "next_cursor": found.next_cursor}
    return page(render("studies.html", {**values, **rows, "here": here}))


@router.get("/compare")
def compare_studies(
    services: ServicesDep, study: Annotated[list[StudyId] | None, Query()] = None
) -> HTMLResponse:
    """Show two to four studies side by side."""
    chosen = list(dict.fromkeys(study or []))
    if not FEWEST <= len(chosen) <= MOST:
        raise InvalidInput(
            f"{len(chosen)} studies are chosen, but {FEWEST} to {MOST} can be compared; tick them "
            "in the list of studies"
        )
    return page(comparison([study_document(services, each) for each in chosen]))


@router.get("/assets/{name:path}")
def get_static_file(name: str) -> Response:
    """Return a stylesheet, script or icon of the pages."""
    found = static_file(name)
    if found is None:
        raise NotFound("static file", name[:100])
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": _KEEP})


@router.get("/favicon.ico")
def get_icon() -> Response:
    """Return the icon, where browsers look for one."""
    return get_static_file("icon.svg")


@router.get("/studies/{study_id}")
def show_study(study_id: StudyId, services: ServicesDep) -> HTMLResponse:
    """Show the report of a study, live while it runs."""
    return page(render("study.html", study_document(services, study_id).values()))


@router.get("/studies/{study_id}/parts")
def show_parts(study_id: StudyId, services: ServicesDep) -> HTMLResponse:
    """Show the parts of the report that change while a study runs."""
    return page(render("_parts.html", study_document(services, study_id).values()))


@router.get("/studies/{study_id}/report.html")
def show_report(study_id: StudyId, services: ServicesDep) -> HTMLResponse:
    """Show the report as one file that needs nothing else."""
    return page(report(study_document(services, study_id)), policy=report_policy())


@router.get("/studies/{study_id}/trials/{number}")
def show_trial(study_id: StudyId, number: TrialNumber, services: ServicesDep) -> HTMLResponse:
    """Show one trial: its findings, its learning curve and its layers."""
    document = study_document(services, study_id)
    trial = trial_detail(services, study_id, number)
    view = StudyView(results=document.view.results, trials=(), bests=[trial])
    figures: dict[str, Any] = {
        name.value: figure
        for name, figure in draw_figures(view).items()
        if name is FigureName.CURVES
    }
    layers = layer_figure(trial)
    if layers is not None:
        figures["layers"] = layers
    return page(
        render("_trial.html", {**document.values(), "trial": trial, "trial_figures": figures})
    )
