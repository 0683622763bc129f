"""Rows to predict, and predictions."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.api.schemas.base import RequestModel, ResponseModel, Scalar


def _cell(value: Any) -> str | float | int | bool | None:
    if value is None or isinstance(value, bool | str | int | float):
        return value
    raise PydanticCustomError("cell", "it must be a text, a number, true, false or null")


#: A value of a row. Any text and number, since what a column takes is not known here.
Cell = Annotated[
    str | float | int | bool | None,
    PlainValidator(_cell),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]


class RowsModel(RequestModel):
    """Rows to predict."""

    rows: list[dict[str, Cell]] = Field(
        min_length=1,
        description="Values by column, as in the table that the study learned from; of a date its "
        "text, or days since 1970. The target and columns that were left out are passed over.",
        examples=[[{"height": 4.5, "colour": "red"}, {"height": None, "colour": "blue"}]],
    )


class PredictionOut(ResponseModel):
    """What the network says of one row."""

    prediction: str | float | None = Field(
        description="A label, or a number in units of the target; null where it is not finite."
    )
    probabilities: dict[str, float | None] | None = Field(
        description="Probability by label; null for regression."
    )


class PredictionsOut(ResponseModel):
    """Predictions, in the order of the rows."""

    predictions: list[PredictionOut] = Field(description="One a row.")
    warnings: list[str] = Field(
        description="Columns that are absent, cells that could not be read, texts that the network "
        "was not trained on."
    )


class StoryOut(ResponseModel):
    """The export `json`: a network's configuration and scores, and all that trains it again."""

    format_version: int = Field(description="Grows when the meaning of a field changes.")
    study: dict[str, str | None] = Field(
        description="`id`, `name`, `created_at` and `finished_at` of the study."
    )
    spec: dict[str, Any] = Field(description="The study as it is stored.")
    seed: int = Field(description="From which every other seed is derived.")
    dataset: dict[str, Any] = Field(
        description="`id`, `name`, `target`, `task` and `builtin`; of an upload its `roles` and "
        "`sha256` too."
    )
    trial: int | None = Field(description="The trial that found the configuration.")
    params: dict[str, Scalar] = Field(description="The whole configuration.")
    scores: dict[str, Any] = Field(
        description="`trial`: its metrics, means over the folds of the search; `confirmation`: "
        "those of each `repeat` and `fold`; `test`: means of the refits on the test rows."
    )
    weights_sha256: str = Field(description="Of the weights and running statistics, as float32.")
    verdict: dict[str, Any] | None = Field(description="As in the results.")
    versions: dict[str, str] = Field(description="Of Python and of packages, at the export.")
