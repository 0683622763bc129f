"""Rows to predict, and predictions."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.api.schemas.base import RequestModel, ResponseModel


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
