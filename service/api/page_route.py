"""Routes of pages: what goes wrong is told on a page too, in the words of the API's problem."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute

from search.errors import SearchError
from service.api.problems import status_of
from service.api.validation_messages import describe_validation_error
from service.pages.report import PAGE_POLICY
from service.pages.templating import render


def page(html: str, *, policy: str = PAGE_POLICY, status: int = 200) -> HTMLResponse:
    """Return a page with its content security policy; browsers ask for it anew each time."""
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return HTMLResponse(html, status_code=status, headers=headers)


class PageRoute(APIRoute):
    """A route whose errors are pages, with the status that the API would give them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a route of pages."""
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                told = [describe_validation_error(each).detail for each in error.errors()]
                return _refusal("; ".join(told), 422)
            except SearchError as error:
                return _refusal(str(error), status_of(error))

        return handle_page


def _refusal(sentence: str, status: int) -> HTMLResponse:
    return page(render("error.html", {"sentence": sentence, "status": status}), status=status)
