"""The winner taken home: predictions by the network that a study recommends, and exports of it.

What loads libraries of networks, or works on a person's rows, runs in a process of its own.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import IO, Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from search.errors import InvalidInput
from search.exports.catalog import FORMATS, FormatName
from service.api.dependencies import Services, ServicesDep, StudyId
from service.api.openapi import Responses, header, problems
from service.api.problems import InvalidRequest
from service.api.schemas.takehome import PredictionsOut, RowsModel
from service.api.trials_table import trials_csv
from service.api.validation_messages import describe_validation_error
from service.taken_home import TakenHome

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["the winner taken home"])

_PREDICT = "search.prediction.predict"
_CSV, _JSON = "text/csv", "application/json"
_WARNINGS = "Prediction-Warnings"
_EXAMPLE_ROWS = "height,colour\n4.5,red\n,blue\n"
_EXAMPLE_ANSWER = "prediction,probability_a,probability_b\na,0.75,0.25\nb,0.125,0.875\n"
_BLOCK_BYTES = 2**18
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": {"$ref": "#/components/schemas/RowsModel"}},
            _CSV: {"schema": {"type": "string"}, "example": _EXAMPLE_ROWS},
        },
    }
}
_described = header(200, _WARNINGS, "Of an answer in CSV: the warnings, a JSON list of texts.")[200]
_ANSWERS: Responses = {
    200: {**_described, "content": {_CSV: {"schema": {"type": "string"},
                                           "example": _EXAMPLE_ANSWER}}},
    **problems(400, 404, 409, 413, 422, 503),
}  # fmt: skip


_EXPORTS: Responses = {
    200: {
        "description": "The file.",
        "headers": {"Content-Disposition": {"description": "With the name of the file.",
                                            "schema": {"type": "string"}}},
        # JSON comes last: generated clients read an answer as the first kind that they know.
        "content": {
            **{row.media_type: {"schema": {"type": "string", "format": "binary"},
                                "example": f"the bytes of a {row.suffix} file"}
               for row in FORMATS.values() if row.media_type != _JSON},
            _JSON: {"schema": {"$ref": "#/components/schemas/StoryOut"}},
        },
    },
    **problems(404, 409, 422, 501, 503),
}  # fmt: skip

_TRIALS: Responses = {
    200: {"description": "A line a trial, below a header.",
          "content": {_CSV: {"schema": {"type": "string"},
                             "example": "number,state,source,value,activation\n"
                             "0,complete,baseline,0.11,relu\n"}}},
    **problems(404),
}  # fmt: skip


@router.get("/trials.csv", response_class=Response, responses=_TRIALS)
def get_trials_table(study_id: StudyId, services: ServicesDep) -> Response:
    """Take all trials home as a table: configurations, scores, what was found wrong."""
    row = services.studies.get(study_id)
    return StreamingResponse(
        trials_csv(services.trials, study_id, objectives=len(row.metric_names)),
        media_type=_CSV,
        headers={"Content-Disposition": f'attachment; filename="{study_id}-trials.csv"'},
    )


@router.get("/export/{format}", response_class=Response, responses=_EXPORTS)
def export(
    study_id: StudyId,
    file_format: Annotated[
        FormatName, Path(alias="format", description="What the network is written for.")
    ],
    services: ServicesDep,
) -> Response:
    """Take the network that the study recommends home, as one file.

    Zips hold a `README.md`.
    """
    network = TakenHome(services.database, study_id)
    content = services.exports.run(
        "search.exports.catalog:export", file_format.value, network.blob, network.story()
    )
    row = FORMATS[file_format]
    name = f"{study_id}-{file_format}{row.suffix}"
    return Response(
        content,
        media_type=row.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/predict", response_model=PredictionsOut, responses=_ANSWERS, openapi_extra=_BODY)
async def predict(
    study_id: StudyId,
    services: ServicesDep,
    request: Request,
    trial: Annotated[
        int | None,
        Query(ge=0, le=2**31 - 1, description="Refuse unless the network is that of this trial."),
    ] = None,
) -> Response:
    """Predict rows by the network that the study recommends; CSV is answered by CSV.

    The answer in CSV has a column `prediction` and, for classes, `probability_LABEL` each.
    """
    kind = request.headers.get("Content-Type", _JSON).partition(";")[0].strip().lower()
    if kind not in (_CSV, _JSON):
        raise InvalidInput(
            f"the content type is '{kind[:60]}', but rows are to be {_CSV} or {_JSON}; say which "
            f"by the header Content-Type",
            pointer="header:Content-Type",
        )
    archive = await run_in_threadpool(_archive, services, study_id, trial)
    if kind == _JSON:
        rows = _read_rows(await _small_body(request, services.settings.max_body_bytes))
        found = await run_in_threadpool(
            services.predictions.run, f"{_PREDICT}:predict_rows", archive, rows
        )
        return Response(PredictionsOut(**found).model_dump_json(), media_type=_JSON)
    with TemporaryDirectory(prefix="activation-search-") as name:
        given, made = FilePath(name, "rows.csv"), FilePath(name, "predictions.csv")
        with given.open("wb") as file:
            async for part in request.stream():
                file.write(part)
        found = await run_in_threadpool(
            services.predictions.run, f"{_PREDICT}:predict_file", archive, str(given), str(made)
        )
        answer = made.open("rb")  # it can be read after its folder is gone
    return StreamingResponse(
        _blocks(answer),
        media_type=_CSV,
        headers={
            "Content-Length": str(os.fstat(answer.fileno()).st_size),
            _WARNINGS: json.dumps(found["warnings"]),
        },
    )


def _archive(services: Services, study_id: str, trial: int | None) -> bytes:
    network = TakenHome(services.database, study_id)
    if trial is not None:
        network.require_trial(trial)
    return network.blob


async def _small_body(request: Request, most: int) -> bytes:
    """Return a body that is held in memory; one of more than `most` bytes is a 413."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(413)
    return bytes(body)


def _read_rows(body: bytes) -> list[dict[str, Any]]:
    try:
        return RowsModel.model_validate(json.loads(body)).rows
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise InvalidRequest(
            describe_validation_error(each, RowsModel) for each in found
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not JSON: {str(error)[:100]}; see /docs") from error


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield block
