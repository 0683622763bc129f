"""The guard against what a browser may be led to send: foreign hosts and foreign pages.

A page of `evil.example` can point its own name at this machine (DNS rebinding) and then read what
it likes as its own origin: the `Host` header tells. And any page can send forms to this machine:
the `Origin` and `Sec-Fetch-Site` headers, which pages cannot set, tell. Programs send neither.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.guards.key_guard import READING_METHODS
from service.api.problems import Problem

_DEFAULT_PORTS = {"http": "80", "https": "443"}
#: What a browser says of requests that no page began, or a page of this origin.
_OWN_SITES = frozenset({"same-origin", "none"})


class BrowserGuard:
    """ASGI middleware that answers 421 to a foreign host, 403 to a write from a foreign page."""

    def __init__(
        self, app: ASGIApp, *, host: str, hosts: Iterable[str], origins: Iterable[str]
    ) -> None:
        """`host` is listened on; `hosts` and `origins` are allowed besides."""
        self._app = app
        self._hosts = {
            name.lower().rstrip(".")
            for name in ("localhost", host, socket.gethostname(), socket.getfqdn(), *hosts)
        }
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or end it with a problem."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        host = headers.get(b"host", "").lower()
        name = _name_of(host)
        if not self._is_ours(name):
            return Problem(
                421,
                f"the host '{name[:200]}' is not one of this server; if it is, name it in "
                "ACTIVATION_SEARCH_ALLOWED_HOSTS (several are separated by commas)",
            )
        if scope["method"] in READING_METHODS:
            return None
        origin = headers.get(b"origin")
        if origin is None:
            # Browsers that send no Origin with a form still say where it came from.
            origin = "another site"
            is_foreign = headers.get(b"sec-fetch-site", "none").lower() not in _OWN_SITES
        else:
            is_foreign = not self._is_own(origin.lower(), host)
        if not is_foreign:
            return None
        return Problem(
            403,
            f"{scope['method']} {scope['path'][:200]} was sent by a page of {origin[:200]}, and "
            "only pages of this server may write; if that page may, name its origin in "
            "ACTIVATION_SEARCH_ALLOWED_ORIGINS (several are separated by commas)",
        )

    def _is_own(self, origin: str, host: str) -> bool:
        scheme = origin.partition(":")[0]
        authority = _authority(origin)
        is_here = authority is not None and authority == _authority(f"{scheme}://{host}")
        return is_here or origin in self._origins

    def _is_ours(self, name: str) -> bool:
        # An address cannot be rebound: a page of that origin came from that address.
        return name in self._hosts or name.endswith(".localhost") or _is_address(name)


def _name_of(host: str) -> str:
    """Return the name or address in a Host header, without port and brackets."""
    if host.startswith("["):
        name, bracket, _ = host[1:].partition("]")
        return name if bracket else host
    return host.rpartition(":")[0].rstrip(".") if ":" in host else host.rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _authority(origin: str) -> str | None:
    """Return `host:port` of an origin; None for `null` and what is none.

    The scheme is left out: behind a proxy that speaks TLS the server sees the other one.
    """
    scheme, separator, rest = origin.partition("://")
    if not separator or scheme not in _DEFAULT_PORTS or not rest:
        return None
    has_port = rest.rpartition("]")[2].find(":") >= 0
    return rest if has_port else f"{rest}:{_DEFAULT_PORTS[scheme]}"
