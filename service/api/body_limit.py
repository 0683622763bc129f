"""A limit on request bodies, so that no request fills the server's memory."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import WAY_OUT, Problem

#: Bytes that multipart adds to a file: boundaries, headers, other fields.
_ENVELOPE_BYTES = 2**16


class BodyLimit:
    """ASGI middleware that answers 413 to a body larger than its path allows.

    A stated length that is too large is refused at once; arriving bytes are counted in any case,
    since a chunked body states no length.
    """

    def __init__(self, app: ASGIApp, *, most: int, uploads: Mapping[str, int]) -> None:
        """`most` bytes anywhere, more for a file on the paths that a pattern of `uploads` fits."""
        self._app = app
        self._most = most
        self._uploads = [
            (re.compile(pattern), size + _ENVELOPE_BYTES) for pattern, size in uploads.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or end it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/")
        sizes = (size for pattern, size in self._uploads if pattern.fullmatch(path))
        most = next(sizes, self._most)
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > most:
            await Problem(413, WAY_OUT[413])(scope, receive, send)
            return
        arrived = 0
        is_answered = False

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > most:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLarge:
            if not is_answered:
                await Problem(413, WAY_OUT[413])(scope, receive, send)


class _TooLarge(BaseException):
    """A body beyond the limit; a BaseException, since the frameworks catch every Exception."""
