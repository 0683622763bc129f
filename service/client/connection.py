"""Requests to the service, and its problems as errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from search.errors import SearchError


class ServiceError(SearchError):
    """The service refused a request; the message is its sentence.

    `status` is the HTTP status, 0 where no answer came; `errors` has the pointer and the detail of
    each broken rule.
    """

    def __init__(self, detail: str, *, status: int, errors: tuple[Mapping[str, str], ...] = ()):
        super().__init__(detail)
        self.status = status
        self.errors = errors


class Connection:
    """A connection to one service, which is kept open."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Return the answer; ServiceError for a refusal, or where the service does not answer."""
        try:
            answer = self.http.request(method, path, **request)
        except httpx2.TransportError as error:
            raise ServiceError(
                f"{self.http.base_url} does not answer ({error}); is the server up? `activation-"
                "search serve` starts one",
                status=0,
            ) from error
        if answer.is_error:
            raise _refusal(answer)
        return answer

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON at `path`."""
        return self.ask("GET", path, params=parameters).json()

    def pages(self, path: str, **parameters: Any) -> list[Any]:
        """Return the items of all pages at `path`."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **parameters, **cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}


def _refusal(answer: httpx2.Response) -> ServiceError:
    try:
        problem = answer.json()
        return ServiceError(
            str(problem["detail"]),
            status=answer.status_code,
            errors=tuple(problem.get("errors") or ()),
        )
    except (ValueError, KeyError, TypeError):  # a proxy's answer
        return ServiceError(
            f"{answer.request.url} answers {answer.status_code}: {answer.text[:200]}",
            status=answer.status_code,
        )
