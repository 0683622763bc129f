"""Datasets: the built-in ones, and uploads."""

import json
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Response, UploadFile

from search.data.datasets import BUILTIN, ColumnRole
from search.errors import Conflict, InvalidInput, UnknownChoice
from search.study import Task
from service.api.dependencies import DatasetId, ServicesDep
from service.api.openapi import header, problems
from service.api.schemas.base import Text
from service.api.schemas.dataset import DatasetOut, DatasetPage, PreviewOut
from service.stored_datasets import (
    first_rows,
    keep_upload,
    printable_filename,
    summary_of,
    summary_of_upload,
)
from service.table_reading import Table

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


#: Rows of a preview at most.
_MOST_ROWS = 1000
_LOCATION = header(201, "Location", "Where the dataset is.")


@router.post("", status_code=201, responses={**_LOCATION, **problems(400, 413, 422, 503)})
def add_dataset(
    services: ServicesDep,
    response: Response,
    file: Annotated[UploadFile, File(description="CSV, Parquet or ARFF.")],
    target: Annotated[str, Form(description="The column to predict.", examples=["species"])],
    name: Annotated[Text, Form(description="For people; the file's name if left out.")] = "",
    task: Annotated[Task | None, Form(description="Inferred if left out.")] = None,
    columns: Annotated[
        str,
        Form(
            description="Roles of columns as a JSON object `{name: role}`, of `feature`, `ignore`, "
            "`target` and `group`; others are judged by what they hold.",
            examples=['{"customer": "ignore", "patient": "group"}'],
        ),
    ] = "",
) -> DatasetOut:
    """Upload a table; the task is inferred from the target column unless given."""
    roles = read_roles(columns)
    content = file.file.read(services.settings.max_upload_bytes + 1)
    filename = printable_filename(file.filename)
    summary = services.tables.describe(
        Table(
            content=content,
            target=target,
            task=task,
            columns=roles,
            name=name or filename,
            filename=filename,
        )
    )
    row = keep_upload(services.datasets, summary, content, roles)
    response.headers["Location"] = f"/v1/datasets/{row.id}"
    return DatasetOut.from_summary(
        summary_of_upload(services.datasets, row, reader=services.tables), builtin=False
    )


@router.get("", responses=problems(503))
def list_datasets(services: ServicesDep) -> DatasetPage:
    """List the built-in datasets, then uploads."""
    builtin = [DatasetOut.from_summary(row.summary, builtin=True) for row in BUILTIN.values()]
    uploads = [
        DatasetOut.from_summary(
            summary_of_upload(services.datasets, row, reader=services.tables), builtin=False
        )
        for row in services.datasets.list()
    ]
    return DatasetPage(items=[*builtin, *uploads], next_cursor=None)


@router.get("/{dataset_id}", responses=problems(404, 503))
def get_dataset(dataset_id: DatasetId, services: ServicesDep) -> DatasetOut:
    """Describe one dataset."""
    return DatasetOut.from_summary(
        summary_of(services.datasets, dataset_id, reader=services.tables),
        builtin=dataset_id in BUILTIN,
    )


@router.get("/{dataset_id}/preview", responses=problems(404, 422, 503))
def preview_dataset(
    dataset_id: DatasetId,
    services: ServicesDep,
    rows: Annotated[int, Query(ge=1, le=_MOST_ROWS, description="How many of the first.")] = 10,
) -> PreviewOut:
    """Show the first rows as read, and what each column was taken for."""
    shown = DatasetOut.from_summary(
        summary_of(services.datasets, dataset_id, reader=services.tables), builtin=False
    )
    return PreviewOut(
        columns=shown.columns,
        rows=first_rows(services.datasets, dataset_id, rows, reader=services.tables),
    )


@router.delete("/{dataset_id}", status_code=204, responses=problems(404, 409))
def delete_dataset(dataset_id: DatasetId, services: ServicesDep) -> None:
    """Delete an upload that no unfinished study needs."""
    if dataset_id in BUILTIN:
        raise Conflict(f"dataset '{dataset_id}' comes with the service and cannot be deleted")
    services.datasets.delete(dataset_id)


def read_roles(columns: str) -> dict[str, ColumnRole]:
    """Return the roles in the form field `columns`; raises InvalidInput or UnknownChoice."""
    if not columns.strip():
        return {}
    try:
        roles = json.loads(columns)
    except (ValueError, RecursionError):
        roles = None
    if not isinstance(roles, dict):
        raise InvalidInput(
            f"columns is '{columns[:60]}', but must be a JSON object of roles by column, such as "
            f'{{"customer": "ignore"}}',
            pointer="/columns",
        )
    known = [role.value for role in ColumnRole]
    for name, role in roles.items():
        if role not in known:
            raise UnknownChoice("role", role, known, pointer=f"/columns/{name}")
    return {name: ColumnRole(role) for name, role in roles.items()}
