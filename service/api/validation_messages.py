"""Pydantic's validation errors as sentences: the value, the rule, the way out."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from search.errors import InvalidInput, UnknownChoice

#: Longest part of a value that a message repeats.
SHOWN_CHARACTERS = 60

#: Rules in plain words, where pydantic uses Python's. Braces are filled from its error context.
RULES = {
    "model_type": "it must be a JSON object",
    "dict_type": "it must be a JSON object",
    "list_type": "it must be a JSON list",
    "string_type": "it must be a text",
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "float_type": "it must be a number",
    "bool_type": "it must be true or false",
    "finite_number": "it must be finite; JSON has no NaN or Infinity",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be {ge} or more",
    "less_than_equal": "it must be {le} or less",
    "string_too_short": "it must have {min_length} or more characters; or leave it out",
    "string_too_long": "it must have at most {max_length} characters",
    "too_short": "it must have {min_length} or more {parts}; or leave it out",
    "too_long": "it must have at most {max_length} {parts}",
    # Our validators raise errors of other kinds; this one is FastAPI's, of a file.
    "value_error": "it must be a file; send it as multipart/form-data, as curl -F file=@t.csv does",
}


def describe_validation_error(  # noqa: PLR0911 - a row of cases, each with its own sentence
    error: Mapping[str, Any], model: Any = None
) -> InvalidInput:
    """Return an error of pydantic's as InvalidInput; `model` is the annotation of the body."""
    where, *path = error["loc"] or ("",)
    # Tags of our unions end in "()" and are no part of the body's path.
    path = [str(part) for part in path if not str(part).endswith("()")]
    pointer = _pointer(str(where), path)
    kind = error["type"]
    if kind == "json_invalid":
        return InvalidInput(
            f"the body is not JSON: {error['ctx']['error']} at character {error['loc'][-1]}"
        )
    if kind == "model_attributes_type":
        return InvalidInput(
            "the body is not a JSON object; send one, with the header "
            "Content-Type: application/json",
            pointer=pointer,
        )
    if kind == "missing":
        what = "a body" if not path and where == "body" else f"'{path[-1] if path else where}'"
        return InvalidInput(f"{what} is required; see /docs for an example", pointer=pointer)
    if kind == "extra_forbidden":
        fields = _fields_at(model, path[:-1])
        if fields:
            return UnknownChoice("field", path[-1], fields, pointer=pointer)
        return InvalidInput(f"field '{path[-1]}' is not known; leave it out", pointer=pointer)
    name = _name(path) or where
    if kind in ("enum", "literal_error"):
        choices = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return UnknownChoice(name, _shown(error["input"]).strip("'"), choices, pointer=pointer)
    message = RULES.get(kind, str(error["msg"]).replace("Input should", "must"))
    parts = "characters" if isinstance(error["input"], str) else "entries"
    rule = message.format(**{**error.get("ctx", {}), "parts": parts}) if kind in RULES else message
    return InvalidInput(f"{name} is {_shown(error['input'])}, but {rule}", pointer=pointer)


def _name(path: Sequence[str]) -> str:
    """Return the last name of `path`, with the place within it: `learning_rate[0]`."""
    places = list(takewhile(str.isdecimal, reversed(path)))
    named = path[len(path) - len(places) - 1] if len(places) < len(path) else ""
    return named + "".join(f"[{place}]" for place in reversed(places))


def _pointer(where: str, path: Sequence[str]) -> str:
    if where != "body":
        return f"{where}:{'/'.join(path)}"
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)


def _shown(value: object) -> str:
    """Return the first SHOWN_CHARACTERS of `value`'s repr."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        text = "a number of thousands of digits"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _fields_at(model: Any, path: Sequence[str]) -> list[str]:
    """Return the field names of the model at `path`; empty where there is no model."""
    for part in path:
        model = _step(model, part)
    found = _models(model)
    return list(found[0].model_fields) if len(found) == 1 else []


def _step(annotation: Any, part: str) -> Any:
    """Return the annotation of the field `part` of `annotation`; None without such a field."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    found = [model for model in _models(annotation) if part in model.model_fields]
    return found[0].model_fields[part].annotation if found else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in `X`, `X | None` or `Annotated[X, ...]`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [model for option in get_args(annotation) for model in _models(option)]
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return [annotation] if is_model else []
