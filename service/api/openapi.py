"""The OpenAPI document: schema and example of every answer, errors included."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from service.api.guards.key_guard import FREE, READING_METHODS
from service.api.problems import PROBLEM_JSON, TYPE_PREFIX
from service.api.schemas.problem import ProblemOut
from service.api.schemas.takehome import RowsModel, StoryOut

_EXAMPLES: dict[int, dict[str, Any]] = {
    400: {"title": "Bad request", "detail": "the request could not be read; see /docs for what "
          "is expected"},
    401: {"title": "Unauthorized", "detail": "this server asks for a key; send `Authorization: "
          "Bearer KEY`, or in a browser the key as the password, whatever the name; "
          "`activation-search keys create NAME` makes one"},
    403: {"title": "Forbidden", "detail": "the key 'page' is for reading, and DELETE "
          "/v1/studies/st_k3fxw8mq2abz may change something; use a key made with --scope write"},
    404: {"title": "Not found", "detail": "there is no study 'st_k3fxw8mq2abz'; list the study "
          "collection to see what is"},
    409: {"title": "Conflict", "detail": "study 'st_k3fxw8mq2abz' is completed; only a queued, "
          "running or paused study can be cancelled"},
    413: {"title": "Content too large", "detail": "the body is larger than this server accepts"},
    421: {"title": "Misdirected request", "detail": "the host 'evil.example' is not one of this "
          "server; if it is, name it in ACTIVATION_SEARCH_ALLOWED_HOSTS (several are separated by "
          "commas)"},
    422: {"title": "Unknown choice", "detail": "activation 'rleu' is not known; did you mean "
          "'relu'? choose one of relu, leaky_relu, prelu, ...",
          "errors": [{"pointer": "/space/activation", "detail": "activation 'rleu' is not known; "
                      "did you mean 'relu'? choose one of relu, leaky_relu, prelu, ..."}]},
    429: {"title": "Too many requests", "detail": "this client sent 120 writing requests within a "
          "minute, which is the limit; wait 7 s, or raise ACTIVATION_SEARCH_WRITES_PER_MINUTE"},
    500: {"title": "Internal server error", "detail": "something went wrong that should not have; "
          "the server's log says what"},
    501: {"title": "Missing extra", "detail": "a PostgreSQL database needs an optional package; "
          "install it with pip install 'activation-search[postgres]'"},
    503: {"title": "Not ready", "detail": "the database does not answer; see the server's log, and "
          "the disk it is on"},
}  # fmt: skip

#: How a key is sent.
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key, for programs."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The key as the password.",
    },
}

Responses = dict[int | str, dict[str, Any]]
#: Schemas that no signature of a route names.
_UNNAMED: tuple[type[BaseModel], ...] = (ProblemOut, RowsModel, StoryOut)


def header(status: int, name: str, description: str) -> Responses:
    """Return the `responses` of a route whose answers of `status` carry the header `name`."""
    described = {"description": description, "schema": {"type": "string"}}
    return {status: {"headers": {name: described}}}


def problems(*statuses: int) -> Responses:
    """Return the `responses` of a route with these error statuses; 500 is always among them."""
    return {status: _documented(status) for status in (*statuses, 500)}


def _documented(status: int) -> dict[str, Any]:
    example = _EXAMPLES[status]
    slug = example["title"].lower().replace(" ", "-")
    return {
        "description": example["title"],
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/ProblemOut"},
                "example": {"type": f"{TYPE_PREFIX}{slug}", "status": status, **example},
            }
        },
    }


def document_problems(app: FastAPI) -> None:
    """Complete the app's OpenAPI document: the schema of problems, and an example of each answer.

    The answers are those of a real study, see `tests/service/record_examples.py`.
    """
    generate: Callable[[], dict[str, Any]] = app.openapi
    answers = json.loads(files("service.api").joinpath("examples.json").read_text("utf-8"))

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in _UNNAMED:
            own = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= own.pop("$defs", {})
            schemas[model.__name__] = own
        _mark_files(schemas)
        # FastAPI documents its own schema of errors wherever a path has a parameter.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = _SCHEMES
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete(operation, answers.get(f"{method.upper()} {path}"))
                _guard(operation, method.upper(), path)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way of extending


def _mark_files(schemas: dict[str, Any]) -> None:
    """Say of files in forms that they are binary, in the older word that generators look for."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if "contentMediaType" in field:
                field["format"] = "binary"


def _guard(operation: dict[str, Any], method: str, path: str) -> None:
    """Describe what the guards before every route answer."""
    statuses = [421] if path in FREE else [401, 421, 429]
    if method not in READING_METHODS:
        statuses.append(403)  # a key for reading, or a page of another origin
    operation["responses"] |= {str(status): _documented(status) for status in statuses}
    # Where no key was made, none is asked for: the empty choice.
    operation["security"] = [{}] if path in FREE else [{"bearer": []}, {"basic": []}, {}]


def _complete(operation: dict[str, Any], answer: object) -> None:
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        responses["422"] = _documented(422)
    for response in responses.values():
        content = response.get("content", {}).get("application/json")
        if content is not None and answer is not None:
            content.setdefault("example", answer)
