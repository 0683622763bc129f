"""The server: the API in this process, and a worker beside it that is started again if it dies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import uvicorn

from service.app import create_app
from service.logs import get_log
from service.settings import Settings

#: Pause before a dead worker is started again, doubled after every death in a row up to the most.
_BACKOFF_S = 1.0
_MOST_BACKOFF_S = 30.0
#: A worker that is asked to stop puts its study back at the next rung; then it is ended.
_PATIENCE_S = 20.0


def serve(settings: Settings, *, with_worker: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    app = create_app(settings, expects_worker=with_worker)
    if not with_worker:
        _listen(app, settings)
        return
    with _supervised(settings):
        _listen(app, settings)


def _listen(app: object, settings: Settings) -> None:
    uvicorn.run(
        app,  # type: ignore[arg-type]  # uvicorn's ASGI types and FastAPI's differ in name only
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.value,
        log_config=None,
        access_log=False,
    )


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
    command = [sys.executable, "-m", "service.cli", "worker"]
    environment = {**os.environ, **settings.environment()}
    while not ended.is_set():
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=environment,
            preexec_fn=lambda: os.nice(settings.worker_niceness),  # noqa: PLW1509 - before threads
        )
        while process.poll() is None and not ended.wait(0.2):
            pass
        if ended.is_set():
            _end(process)
            return
        log.warning("the worker died; starting another", code=process.returncode, wait=backoff)
        ended.wait(backoff)
        backoff = min(2 * backoff, _MOST_BACKOFF_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
