"""The Optuna dashboard, in this server and on this database.

Its bundle knows its own absolute paths (`/dashboard`, `/api`, `/static`, ...), so it cannot live
under a prefix. One route passes exactly those paths on unchanged. The dashboard has no users, and
deleting or renaming a study there would leave our tables without its trials, so its writing methods
are closed unless a setting opens them.
"""

from collections.abc import Iterable
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from a2wsgi import WSGIMiddleware
from optuna.storages import get_storage
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from service.api.dashboard_answers import CompletedDashboard
from service.api.dependencies import Services
from service.api.problems import Problem

#: First segments of the paths that the dashboard answers.
SEGMENTS = frozenset({"dashboard", "api", "static", "artifacts", "csv"})

#: Parameters of the dashboard's queries that it reads as numbers, unchecked.
_NUMBERS = frozenset({"after", "trial_ids"})
#: The greatest id that a database holds; the dashboard would answer 500 to a greater one.
_GREATEST_ID = 2**31 - 1
READING_METHODS = frozenset({"GET", "HEAD"})


class LateDashboard:
    """The dashboard as a WSGI app that is made at its first request.

    It brings scikit-learn along, which takes as long to load as all the rest of the server.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = Lock()
        self._made: CompletedDashboard | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer as the dashboard does."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made(environ, start_response)

    def _make(self) -> CompletedDashboard:
        from optuna_dashboard import wsgi  # noqa: PLC0415 - see above

        services = self._services
        # Keeps finished trials: thousands take seconds to read.
        dashboard = wsgi(get_storage(services.database.optuna_storage()))
        return CompletedDashboard(
            dashboard, services, writable=services.settings.dashboard_writable
        )


class DashboardRoute(BaseRoute):
    """Matches the dashboard's paths, whatever the method."""

    def __init__(self, services: Services) -> None:
        self._writable = services.settings.dashboard_writable
        dashboard = LateDashboard(services)
        self._app = WSGIMiddleware(dashboard)  # type: ignore[arg-type]  # same WSGI, other names

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by the first segment of the path."""
        ours = scope["type"] == "http" and scope["path"].split("/")[1:2] != []
        found = ours and scope["path"].split("/")[1] in SEGMENTS
        return (Match.FULL if found else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse to write."""
        if scope["method"] not in READING_METHODS and not self._writable:
            refusal = Problem(
                403,
                f"{scope['method']} {scope['path']} would change studies behind the service's "
                "back; the dashboard is read-only unless "
                "ACTIVATION_SEARCH_DASHBOARD_WRITABLE=true",
            )
            await refusal(scope, receive, send)
            return
        mistake = _mistake(scope)
        if mistake is not None:
            await mistake(scope, receive, send)
            return
        await self._app(scope, receive, send)  # type: ignore[arg-type]  # same ASGI, other names


def _mistake(scope: Scope) -> Problem | None:
    """Return the answer to a request on which the dashboard would fail, else None."""
    for word in scope["path"].split("/"):
        if word.isdecimal() and int(word[:20]) > _GREATEST_ID:
            return Problem(404, f"there is no study or trial {word[:20]}; see /dashboard")
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        parts = value.split(",") if name == "trial_ids" else [value]
        is_number = all(part.isascii() and part.isdecimal() for part in parts)
        if name in _NUMBERS and not is_number:
            return Problem(
                422, f"{name} is '{value[:60]}', but must be a whole number; leave it out for all"
            )
    return None
