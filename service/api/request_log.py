"""One log line a request, and an id by which its lines and its answer are told from others.

A client may send the id as `X-Request-ID`; the answer has it in either case.
"""

from __future__ import annotations

import re
from secrets import token_hex
from time import perf_counter

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.metrics import RequestMetrics
from service.logs import get_log

HEADER = "X-Request-ID"
#: What is asked for again and again by machines is logged at the level debug.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STUDY = re.compile(r"/(?:v1/)?studies/(st_[a-z0-9]{1,40})(?:/|$)")

_log = get_log(__name__)


class RequestLog:
    """ASGI middleware, outside of all others, that logs and measures every request."""

    def __init__(self, app: ASGIApp, *, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log it once it is answered, and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _GIVEN.fullmatch(given) else token_hex(8)
        study = _STUDY.match(scope["path"])
        structlog.contextvars.bind_contextvars(
            request_id=request_id, **({"study_id": study[1]} if study else {})
        )
        began = perf_counter()
        status, first_byte = 0, began

        async def observed(message: Message) -> None:
            nonlocal status, first_byte
            if message["type"] == "http.response.start":
                status, first_byte = message["status"], perf_counter()
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            # Without a status the client left before its answer.
            self._metrics.count(scope, status, first_byte - began if status else None)
            write = _log.debug if scope["path"] in _QUIET else _log.info
            write(
                "request",
                method=scope["method"],
                path=scope["path"][:200],
                status=status or None,
                seconds=round(perf_counter() - began, 4),
            )
