"""Connections of the server: so many at once, and a request's head within seconds.

uvicorn keeps a connection that sends nothing, or a head a byte at a time, for as long as the other
side likes; 899 of them were held.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
    b"Retry-After: 5\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
)
_DETAIL = (
    b'{"type": "urn:activation-search:problem:service-unavailable", '
    b'"title": "Service unavailable", "status": 503, "detail": "this server holds %d connections'
    b"%s, which is the limit; try again in some seconds, or raise "
    b'ACTIVATION_SEARCH_MAX_CONNECTIONS%s"}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Connections in all and of one address, and the seconds in which a head must arrive."""

    most: int
    most_a_client: int
    head_seconds: float
    #: Connections held, by address.
    held: Counter[str] = field(default_factory=Counter)


class BoundedProtocol(H11Protocol):
    """A connection that is refused beyond its bounds, and closed where no head arrives."""

    bounds: ClassVar[Bounds]
    _deadline: asyncio.TimerHandle | None = None
    #: None before the connection is accepted, and once it is lost.
    _address: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or say which bound stands against it."""
        super().connection_made(transport)
        bounds, address = self.bounds, self.client[0] if self.client else ""
        if bounds.held.total() >= bounds.most:
            self._refuse(b"", b"", bounds.most)
        elif bounds.held[address] >= bounds.most_a_client:
            self._refuse(b" of your address", b"_A_CLIENT", bounds.most_a_client)
        else:
            self._address = address
            bounds.held[address] += 1
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop_waiting()
        if self._address is not None:
            held = self.bounds.held
            held[self._address] -= 1
            if held[self._address] == 0:
                del held[self._address]
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; the time for a head runs from its first byte until the request begins."""
        if self._address is None:
            return
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()
        else:
            self._expect_head()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.bounds.head_seconds, self._end_waiting)

    def _end_waiting(self) -> None:
        self._deadline = None
        if not self._is_answering():
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, whose: bytes, which: bytes, number: int) -> None:
        detail = _DETAIL % (number, whose, which)
        self.transport.write(_BUSY % (len(detail), detail))
        self.transport.close()


def bounded_protocol(bounds: Bounds) -> type[BoundedProtocol]:
    """Return uvicorn's protocol for the connections of one server."""
    return type("BoundedProtocol", (BoundedProtocol,), {"bounds": bounds})
