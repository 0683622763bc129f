"""Connections that send nothing are not kept, and so many are not opened."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.api.connections import Bounds, bounded_protocol
from tests.service.processes import until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after two seconds where the path says so."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(2)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


@contextmanager
def serving(most: int = 6, most_a_client: int = 4, head_seconds: float = 1.0) -> Iterator[int]:
    bounds = Bounds(most=most, most_a_client=most_a_client, head_seconds=head_seconds)
    config = uvicorn.Config(
        slow,
        port=0,
        host="127.0.0.1",
        http=bounded_protocol(bounds),
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    until(lambda: server.started, seconds=10)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as port:
        yield port


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(host, 0))


def is_closed_after(connection: socket.socket, send: Callable[[], object] = bool) -> float:
    began = time.monotonic()
    connection.settimeout(0.2)
    while time.monotonic() - began < 10:
        try:
            send()
            if connection.recv(1000) == b"":
                return time.monotonic() - began
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


def test_a_connection_without_a_request_is_closed(port: int) -> None:
    with connect(port) as silent:
        assert 0.8 < is_closed_after(silent) < 4
    with connect(port) as dripping:
        assert 0.8 < is_closed_after(dripping, lambda: dripping.send(b"G")) < 4


def test_a_head_begun_after_an_answer_must_arrive_too(port: int) -> None:
    with connect(port) as kept:
        kept.send(REQUEST)
        assert b"200 OK" in kept.recv(1000)
        assert is_closed_after(kept, lambda: kept.send(b"X")) < 4


def whole_answer(connection: socket.socket) -> bytes:
    """Return one answer to its end, which may come in pieces."""
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        received += connection.recv(1000)
    return received


def test_an_answer_may_take_longer_than_a_head(port: int) -> None:
    with connect(port) as patient:
        patient.send(REQUEST.replace(b"/ ", b"/slow "))
        assert b"200 OK" in whole_answer(patient)
        patient.send(REQUEST)  # and the connection is kept
        assert b"200 OK" in whole_answer(patient)


def test_a_body_may_take_longer_than_a_head(port: int) -> None:
    with connect(port) as sending:
        sending.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            time.sleep(0.4)
            sending.send(b"x")
        assert b"200 OK" in sending.recv(1000)


def test_an_address_has_its_share_of_the_connections(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connect(port))
        answer = stack.enter_context(connect(port)).recv(1000)
        assert b"503" in answer
        assert b"ACTIVATION_SEARCH_MAX_CONNECTIONS_A_CLIENT" in answer
        for _ in range(2):
            stack.enter_context(connect(port, "127.0.0.2")).send(REQUEST)
        answer = stack.enter_context(connect(port, "127.0.0.3")).recv(1000)
        assert b'ACTIVATION_SEARCH_MAX_CONNECTIONS"' in answer
    time.sleep(0.3)
    with connect(port) as again:
        again.send(REQUEST)
        assert b"200 OK" in again.recv(1000)
