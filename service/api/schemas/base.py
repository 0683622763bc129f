"""Base models of the wire format, and the scalar types of its fields."""

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from search.study import ParamValue

#: Bound on every number of a study; whole numbers below it are exact as floats.
LARGEST_NUMBER = 1e12


class RequestModel(BaseModel):
    """A body: unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ResponseModel(BaseModel):
    """An answer; NaN and infinity become null, since JSON knows neither."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "it must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("number", "it must be finite; JSON has no NaN or Infinity")
    if abs(value) > LARGEST_NUMBER:
        raise PydanticCustomError("number", "it must lie between -1e12 and 1e12")
    return value


def _text(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("text", "it must not contain control characters")
    return value


def _scalar(value: Any) -> ParamValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > 100:
            raise PydanticCustomError("scalar", "it must have at most 100 characters")
        return _text(value)
    if isinstance(value, int | float):
        return _number(value)
    raise PydanticCustomError("scalar", "it must be a text, a number, true, false or null")


#: A finite number of sane size; whole numbers stay whole.
Number = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]

#: One value of an axis.
Scalar = Annotated[
    str | float | int | bool | None,
    PlainValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]

#: A name: printable, at most 200 characters.
Text = Annotated[str, BeforeValidator(lambda v: _text(v) if isinstance(v, str) else v),
                 StringConstraints(max_length=200)]  # fmt: skip

#: A time as RFC 3339 in UTC.
UtcTime = Annotated[
    datetime,
    PlainSerializer(
        lambda t: t.isoformat(timespec="milliseconds").replace("+00:00", "Z"), return_type=str
    ),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
