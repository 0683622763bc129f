"""The page that starts a study: a dataset, the activations, the budget."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse

from search.activations import ACTIVATIONS
from search.data.datasets import BUILTIN
from search.space import build_space
from service.api.dependencies import ServicesDep
from service.api.page_route import PageRoute, page
from service.api.routes.datasets import read_roles
from service.api.schemas.dataset import DatasetOut
from service.api.schemas.study import StudyModel
from service.pages.templating import render
from service.stored_datasets import printable_filename, summary_of, summary_of_upload
from service.table_reading import Table

router = APIRouter(include_in_schema=False)
_pages = APIRouter(include_in_schema=False, route_class=PageRoute)

#: Where a table is sent to be looked at.
TABLE_PATH = "/new/table"


@_pages.get("/new")
def show_start(services: ServicesDep, dataset: str = "", copy: str = "") -> HTMLResponse:
    """Show the form of a new study, of `dataset`, or as the study `copy` was asked for."""
    builtin = [DatasetOut.from_summary(row.summary, builtin=True) for row in BUILTIN.values()]
    uploads = [
        DatasetOut.from_summary(summary_of_upload(services.datasets, row), builtin=False)
        for row in services.datasets.list()
    ]
    values: dict[str, Any] = {
        "datasets": [*uploads, *builtin],
        "activations": [row for row in ACTIVATIONS.values() if row.hidden],
        "chosen": set(build_space({}).activations),
        "defaults": StudyModel(dataset="").model_dump(mode="json"),
        "questions": _questions(),
        "dataset": dataset,
        "before": None,
    }
    if copy:
        row = services.studies.get(copy)
        values["before"] = StudyModel.from_spec(row.spec).model_dump(mode="json")
    elif dataset:
        summary_of(services.datasets, dataset)  # NotFound for an unknown one
    return page(render("new.html", values))


@router.post(TABLE_PATH)
def look_at_table(
    services: ServicesDep,
    file: Annotated[UploadFile, File()],
    target: Annotated[str, Form()] = "",
    columns: Annotated[str, Form()] = "",
) -> dict[str, Any]:
    """Return the columns of a table and, once there is a target, what each was taken for.

    Nothing is stored.
    """
    content = file.file.read(services.settings.max_upload_bytes + 1)
    filename = printable_filename(file.filename)
    if not target:
        return services.tables.look(content, filename)
    table = Table(content=content, target=target, columns=read_roles(columns), filename=filename)
    shown = DatasetOut.from_summary(services.tables.describe(table), builtin=False)
    return shown.model_dump(mode="json")


def _questions() -> list[str]:
    """Return the words that a study may ask about, in their order."""
    schemas = StudyModel.model_json_schema()["$defs"]
    return list(schemas.get("Question", {}).get("enum", ()))


router.include_router(_pages)
