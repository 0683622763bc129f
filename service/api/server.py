"""The server: the API in this process, and a supervised worker process beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic

import uvicorn
from fastapi import FastAPI

from search.errors import InvalidInput
from search.gc_freeze import freeze_loaded_objects
from search.training.backend import EngineName, usable_backend
from search.training.device import Device
from service.api.app import create_app
from service.api.connections import Bounds, bounded_protocol
from service.api.guards.loopback import refuse_open_address
from service.api.signs_of_life import SignsOfLife
from service.logs import get_log
from service.settings import Settings
from storage import Keys, open_database

#: Pause before a dead worker is started again, doubled after every early death up to a maximum.
_BACKOFF_S = 1.0
_MAX_BACKOFF_S = 30.0
#: After this uptime a death is no failure to start.
_HEALTHY_S = 10.0
#: Time for a stopping worker to put its study back at the next rung, before it is killed.
_WORKER_GRACE_S = 20.0
#: A worker that gives no sign of life for a lease, and for so long, is ended.
_LEAST_SILENCE_S = 10.0
#: Time for open requests to end when the server does.
_REQUEST_GRACE_S = 5


def serve(settings: Settings, *, with_worker: bool) -> None:
    """Serve until SIGINT or SIGTERM, then end the worker and raise SystemExit(0).

    Raises what `open_database` and, with a worker, `usable_backend` raise, and InvalidInput where
    other machines could reach the address and there is no key.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has ended; the default action would then kill
        # this process before it has ended the worker.
        signal.signal(number, lambda *_: sys.exit(0))
    # Errors of the settings come before anything is started.
    database = open_database(settings.database)
    try:
        refuse_open_address(settings.host, has_keys=bool(Keys(database).list()))
    finally:
        database.close()
    # What has a fallback needs no look, and torch takes a second to load.
    if with_worker and (
        settings.device.startswith(Device.CUDA) or settings.engine is EngineName.COMPILED
    ):
        usable_backend(settings.device, settings.engine)
    app = create_app(settings, expects_worker=with_worker)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.value,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_REQUEST_GRACE_S,
        http=bounded_protocol(
            Bounds(
                most=settings.max_connections,
                most_a_client=settings.max_connections_a_client,
                head_seconds=settings.head_seconds,
            )
        ),
    )
    _check_address(settings)
    listener = config.bind_socket()  # a port in use is an error before anything is started
    # asyncio sets this only on sockets that name their protocol, and uvicorn's does not; without
    # it the body of an answer waits up to 40 ms for the client to acknowledge the headers.
    # Accepted connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not with_worker:
        _Server(config, app).run([listener])
        return
    with _supervised(settings):
        _Server(config, app).run([listener])


def _check_address(settings: Settings) -> None:
    """Raise InvalidInput where the server could not listen; uvicorn would only log it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise InvalidInput(
                f"port {settings.port} of {settings.host} cannot be listened on "
                f"({error.strerror}); give another with --port, or 0 for any that is free"
            ) from error


class _Server(uvicorn.Server):
    """A server that ends long polls before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then exempt the objects it loaded from garbage collection."""
        await super().startup(sockets)
        freeze_loaded_objects()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End open requests, then the app."""
        self._app.state.services.watcher.close()
        await super().shutdown(sockets)


@contextmanager
def _supervised(settings: Settings) -> Iterator[None]:
    ended = Event()
    thread = Thread(target=_supervise, args=(settings, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _supervise(settings: Settings, ended: Event) -> None:
    """Keep a worker process alive until `ended`, then end it."""
    log = get_log(__name__)
    backoff = _BACKOFF_S
    # -P: a folder called `service` where the server was started must not stand in for ours.
    command = [sys.executable, "-P", "-m", "service.cli", "worker", "--until-stdin-ends"]
    environment = {**os.environ, **settings.environment()}
    silence = max(settings.lease_seconds, _LEAST_SILENCE_S)
    while not ended.is_set():
        started = monotonic()
        # The pipe ends with this process, even where it is killed, and the worker ends with it.
        # In a session of its own, so that Ctrl-C reaches this process only.
        with subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            life = SignsOfLife(process)
            while process.poll() is None and not ended.wait(0.2):
                if life.silent_seconds > silence:
                    log.warning("the worker gave no sign of life; ending it", seconds=silence)
                    _kill_family(process)
            if ended.is_set():
                _end(process)
                return
        if monotonic() - started > _HEALTHY_S:
            backoff = _BACKOFF_S
        log.warning("the worker died; starting another", code=process.returncode, wait=backoff)
        ended.wait(backoff)
        backoff = min(2 * backoff, _MAX_BACKOFF_S)


def _kill_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker and its training processes, which would wait for it if it is stopped."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_WORKER_GRACE_S)
    except subprocess.TimeoutExpired:
        _kill_family(process)
        process.wait()
