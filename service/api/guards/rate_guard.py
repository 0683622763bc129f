"""The guard against too many requests of one client: so many a minute, reading and writing apart.

Counted in this process by the library `limits`, over a moving window. A client is the name of its
key, or its address where no key was sent.
"""

from __future__ import annotations

import math
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.guards.key_guard import FREE, READING_METHODS, key_of
from service.api.problems import Problem


class RateGuard:
    """ASGI middleware that answers 429, with Retry-After, to a client beyond its rate."""

    def __init__(self, app: ASGIApp, *, reads: int, writes: int) -> None:
        """Allow `reads` and `writes` of one client in a minute; 0: any number."""
        self._app = app
        self._counts = MovingWindowRateLimiter(MemoryStorage())
        self._items = {
            name: RateLimitItemPerMinute(most, namespace=name)
            for name, most in (("reads", reads), ("writes", writes))
            if most
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or end it with a problem."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        is_reading = scope["method"] in READING_METHODS
        kind = "reads" if is_reading else "writes"
        item = self._items.get(kind)
        if item is None or (is_reading and scope["path"] in FREE):
            return None
        client = client_of(scope)
        if self._counts.hit(item, client):
            return None
        opens_at = self._counts.get_window_stats(item, client).reset_time
        wait = max(1, math.ceil(opens_at - time()))
        return Problem(
            429,
            f"this client sent {item.amount} {'reading' if is_reading else 'writing'} requests "
            f"within a minute, which is the limit; wait {wait} s, or raise "
            f"ACTIVATION_SEARCH_{kind.upper()}_PER_MINUTE",
            headers={"Retry-After": str(wait)},
        )


def client_of(scope: Scope) -> str:
    """Return what a client is counted by: the name of its key, or its address."""
    key = key_of(scope)
    return f"key {key}" if key else f"address {(scope.get('client') or ('?',))[0]}"
