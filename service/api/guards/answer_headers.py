"""Headers of every answer: what a browser may do with it, by the kind of place it comes from.

A route that sets one of these headers itself keeps its own, unless POLICIES has one for its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def content_policy(**sources: Iterable[str]) -> str:
    """Return a Content-Security-Policy that allows nothing but `sources`.

    `content_policy(script=["'self'"], font=["data:"])` allows scripts of this server, and fonts in
    data URLs. Frames, forms to elsewhere and base URLs are never allowed.
    """
    allowed = [f"{kind}-src {' '.join(places)}" for kind, places in sources.items()]
    closed = ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
    return "; ".join([*closed, "form-action 'self'", *allowed])


_SELF = ("'self'",)
#: By first segment of the path; what is not listed loads and runs nothing.
POLICIES: Mapping[str, str] = {
    # Optuna's bundle writes style elements as it runs (MUI, Plotly) and draws images of its own;
    # its scripts are one file, and it calls nothing but `/api`. It would allow itself `eval`.
    "dashboard": content_policy(
        script=_SELF,
        style=("'self'", "'unsafe-inline'"),
        img=("'self'", "data:", "blob:"),
        font=("'self'", "data:"),
        connect=_SELF,
    ),
}
_NOTHING = content_policy()
_POLICY = "Content-Security-Policy"


class AnswerHeaders:
    """ASGI middleware that adds the headers to every answer that lacks them."""

    def __init__(self, app: ASGIApp, *, policies: Mapping[str, str] = POLICIES) -> None:
        """`policies` hold the Content-Security-Policy by first segment of the path."""
        self._app = app
        self._policies = policies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        segment = "".join(scope["path"].split("/")[1:2])

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                if segment in self._policies:
                    headers[_POLICY] = self._policies[segment]
                headers.setdefault(_POLICY, _NOTHING)
            await send(message)

        await self._app(scope, receive, completed)
