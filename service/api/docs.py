"""The API's documentation as pages: Swagger UI and ReDoc from the installed package, no CDN."""

from __future__ import annotations

import re
from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from search.errors import NotFound
from service.api.page_route import PageRoute, page
from service.pages.static_files import script_hash, static_url

_PATH = "/docs/assets"
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
}


def add_docs(app: FastAPI) -> None:
    """Serve `/docs` and `/redoc` of `app`, which must have been made without FastAPI's own."""
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/docs")
    def show_swagger() -> HTMLResponse:
        html = get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title=f"{app.title}: API",
            swagger_js_url=f"{_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{_PATH}/swagger-ui.css",
            swagger_favicon_url=static_url("icon.svg"),
        )
        return _page(html)

    @router.get("/redoc")
    def show_redoc() -> HTMLResponse:
        html = get_redoc_html(
            openapi_url=str(app.openapi_url),
            title=f"{app.title}: API",
            redoc_js_url=f"{_PATH}/redoc.standalone.js",
            redoc_favicon_url=static_url("icon.svg"),
            with_google_fonts=False,
        )
        return _page(html)

    @router.get(f"{_PATH}/{{name}}")
    def get_asset(name: str) -> Response:
        if name not in _MEDIA_TYPES:
            raise NotFound("static file", name[:100])
        content = files("fastapi_offline").joinpath("static", name).read_bytes()
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(content, media_type=_MEDIA_TYPES[name], headers=headers)

    app.include_router(router)


def _page(made: HTMLResponse) -> HTMLResponse:
    """Return a page of FastAPI's, whose inline scripts run by their hashes."""
    html = bytes(made.body).decode()
    inline = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    sources = " ".join(["'self'", *map(script_hash, inline)])
    return page(
        html,
        policy=f"default-src 'none'; script-src {sources}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; font-src data:; worker-src blob:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    )
