"""The guard that asks for a key: Bearer for programs, Basic for browsers."""

from __future__ import annotations

import base64
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from search.errors import NotReady
from service.api.guards.key_ring import KeyRing
from service.api.problems import Problem
from storage.keys import KeyScope

#: Paths that need no key.
FREE = frozenset({"/healthz"})
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Requests with a body that change nothing, which a key for reading may make.
READING_POSTS = re.compile(r"/v1/(activations/check|studies/[^/]+/predict)")

_CHALLENGE = 'Basic realm="activation-search", charset="UTF-8", Bearer'
_WAY_OUT = (
    "send `Authorization: Bearer KEY`, or in a browser the key as the password, whatever the name; "
    "`activation-search keys create NAME` makes one"
)
_LONGEST = 200


class KeyGuard:
    """ASGI middleware that answers 401 without a key and 403 beyond the key's scope.

    It lets everything pass where no key exists and only this machine can reach the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or end it with a problem."""
        refusal = await self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Problem | None:
        if scope["path"] in FREE and scope["method"] in READING_METHODS:
            return None
        ring: KeyRing = scope["app"].state.services.key_ring
        try:
            if await ring.is_open():
                return None
        except NotReady as error:
            return Problem(503, str(error), kind="Not ready")
        presented = _presented(dict(scope["headers"]).get(b"authorization", b""))
        key = None if presented is None else await ring.find(presented)
        if key is None:
            what = (
                "this server asks for a key, and the request carries none that can be read"
                if presented is None
                else "this key is not known here, or was revoked"
            )
            return Problem(401, f"{what}; {_WAY_OUT}", headers={"WWW-Authenticate": _CHALLENGE})
        scope.setdefault("state", {})["key"] = key.name
        if key.scope is KeyScope.READ and not _only_reads(scope):
            return Problem(
                403,
                f"the key '{key.name}' is for reading, and {scope['method']} {scope['path'][:200]} "
                "may change something; use a key made with --scope write",
            )
        return None


def key_of(scope: Scope) -> str | None:
    """Return the name of the key that a request came with; None where it came with none."""
    name: str | None = scope.get("state", {}).get("key")
    return name


def _only_reads(scope: Scope) -> bool:
    if scope["method"] == "POST":
        return READING_POSTS.fullmatch(scope["path"]) is not None
    return scope["method"] in READING_METHODS


def _presented(header: bytes) -> str | None:
    """Return the key of an Authorization header; None where it holds none."""
    scheme, _, rest = header.decode("latin-1").strip().partition(" ")
    rest = rest.strip()
    if len(rest) > _LONGEST:
        return None
    if scheme.lower() == "bearer":
        return rest or None
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        return None
    return password or None
