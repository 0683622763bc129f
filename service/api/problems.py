"""Every error as `application/problem+json` (RFC 9457): the value, the rule and the way out.

    {"type": "urn:activation-search:problem:unknown-choice", "title": "Unknown choice",
     "status": 422, "detail": "dataset 'digit' is not known; did you mean 'digits'? ...",
     "errors": [{"pointer": "/dataset", "detail": "..."}]}

`errors` names each broken rule of invalid input. A pointer is a JSON pointer into the body, or a
place outside it: `query:limit`, `path:number`, `header:Idempotency-Key`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from search.errors import (
    Conflict,
    InvalidInput,
    LeaseLost,
    LimitReached,
    MissingExtra,
    NotFound,
    NotReady,
    SearchError,
)
from service.api.schemas.problem import ErrorOut, ProblemOut
from service.api.validation_messages import describe_validation_error
from service.logs import get_log

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:activation-search:problem:"

#: The status of an error is that of the nearest class in its MRO.
ERROR_STATUS: dict[type[SearchError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    LeaseLost: 409,
    LimitReached: 429,
    MissingExtra: 501,
    NotReady: 503,
    SearchError: 500,
}

#: Details of statuses that are raised by the framework, not by our errors.
WAY_OUT: dict[int, str] = {
    400: "the request could not be read; see /docs for what is expected",
    404: "there is nothing at {path}; see /docs for what there is",
    405: "{method} is not allowed at {path}; see /docs for what is",
    413: "the body is larger than this server accepts; send less, or raise "
    "ACTIVATION_SEARCH_MAX_UPLOAD_BYTES, ACTIVATION_SEARCH_MAX_PREDICTION_BYTES or "
    "ACTIVATION_SEARCH_MAX_BODY_BYTES",
    500: "something went wrong that should not have; the server's log says what",
}

#: Statuses after which the same request may succeed, and after how many seconds.
RETRIED = frozenset({429, 503})
RETRY_AFTER_S = "5"

WITH_A_BODY = frozenset({"POST", "PUT", "PATCH"})

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

log = get_log("service.api.problems")


class InvalidRequest(InvalidInput):
    """Several rules are broken at once, one in each of `parts`."""

    def __init__(self, parts: Iterable[InvalidInput]) -> None:
        self.parts = tuple(parts)
        super().__init__(
            "; ".join(part.detail for part in self.parts), pointer=self.parts[0].pointer
        )


class Problem(JSONResponse):
    """A problem+json answer."""

    media_type = PROBLEM_JSON

    def render(self, content: object) -> bytes:
        """Return JSON in ASCII: an error may quote text that UTF-8 cannot hold."""
        return json.dumps(content).encode("ascii")

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        errors: Iterable[InvalidInput] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        kind = kind or HTTPStatus(status).phrase
        slug = re.sub(r"[^a-z]+", "-", kind.lower()).strip("-")
        body = ProblemOut(
            type=f"{TYPE_PREFIX}{slug}",
            title=kind[:1].upper() + kind[1:].lower(),
            status=status,
            detail=detail,
            errors=[ErrorOut(pointer=e.pointer, detail=e.detail) for e in errors] or None,
        )
        content = body.model_dump(mode="json", exclude_none=True)
        super().__init__(content, status_code=status, headers=headers)


def status_of(error: SearchError) -> int:
    """Return the HTTP status of `error`."""
    return next(ERROR_STATUS[cls] for cls in type(error).__mro__ if cls in ERROR_STATUS)


def add_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""
    app.add_exception_handler(SearchError, _search_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def _search_error(request: Request, error: Exception) -> Problem:
    if not isinstance(error, SearchError):
        raise TypeError(f"{error!r} is not for this handler")
    parts: tuple[InvalidInput, ...] = ()
    if isinstance(error, InvalidInput):
        parts = error.parts if isinstance(error, InvalidRequest) else (error,)
        if request.method not in WITH_A_BODY:
            for part in parts:
                # A field of the layers below is a parameter of the query here.
                part.pointer = re.sub("^/", "query:", part.pointer)
    # "UnknownChoice" -> "Unknown choice"
    name = type(parts[0] if len(parts) == 1 else error).__name__
    kind = re.sub(r"(?<!^)(?=[A-Z])", " ", name)
    status = status_of(error)
    headers = {"Retry-After": RETRY_AFTER_S} if status in RETRIED else None
    return Problem(status, str(error), kind=kind, errors=parts, headers=headers)


def _validation_error(request: Request, error: Exception) -> Problem:
    if not isinstance(error, RequestValidationError):
        raise TypeError(f"{error!r} is not for this handler")
    model = getattr(getattr(request.scope.get("route"), "body_field", None), "field_info", None)
    parts = [
        describe_validation_error(each, getattr(model, "annotation", None))
        for each in error.errors()
    ]
    return _search_error(request, InvalidRequest(parts))


def _http_error(request: Request, error: Exception) -> Problem:
    if not isinstance(error, HTTPException):
        raise TypeError(f"{error!r} is not for this handler")
    usual = HTTPStatus(error.status_code).phrase
    detail = error.detail
    if error.status_code in WAY_OUT and detail in (usual, "There was an error parsing the body"):
        detail = WAY_OUT[error.status_code].format(path=request.url.path, method=request.method)
    elif error.status_code == 400:  # Starlette's, on multipart
        detail = f"the request could not be read: {detail.rstrip('.')}; see /docs for an example"
    headers = error.headers
    if error.status_code == 405:
        # The router tells the methods of the first route with this path, and there may be others.
        headers = {**(headers or {}), "Allow": ", ".join(_methods_at(request))}
    return Problem(error.status_code, detail, headers=headers)


def _methods_at(request: Request) -> list[str]:
    """Return the methods that a route has for the path of the request."""
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def _unexpected(request: Request, error: Exception) -> Problem:
    log.error("unexpected error", exc_info=error, method=request.method, path=request.url.path)
    return Problem(500, WAY_OUT[500])
