"""The Optuna dashboard, in this server and on this database.

Its bundle knows its own absolute paths (`/dashboard`, `/api`, `/static`, ...), so it cannot live
under a prefix. One route passes exactly those paths on unchanged. The dashboard has no users, and
deleting or renaming a study there would leave our tables without its trials, so its writing methods
are closed unless a setting opens them.
"""

from a2wsgi import WSGIMiddleware
from optuna.storages import BaseStorage
from optuna_dashboard import wsgi
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from service.api.problems import Problem

#: First segments of the paths that the dashboard answers.
SEGMENTS = frozenset({"dashboard", "api", "static", "artifacts", "csv", "favicon.ico"})

READING_METHODS = frozenset({"GET", "HEAD"})


class DashboardRoute(BaseRoute):
    """Matches the dashboard's paths, whatever the method."""

    def __init__(self, storage: BaseStorage, *, writable: bool) -> None:
        self._app = WSGIMiddleware(wsgi(storage))
        self._writable = writable

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
        await self._app(scope, receive, send)  # type: ignore[arg-type]  # same ASGI, other names
