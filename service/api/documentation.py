"""The page `/docs`, by Swagger UI from this server: it works offline, and runs no other code."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import as_file, files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from service.api.guards.answer_headers import content_policy

_FILES = "/docs/files"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_documentation(app: FastAPI) -> None:
    """Add `/docs` to an app made with `docs_url=None`."""
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=app.title,
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )
    html = bytes(page.body).decode()
    policy = content_policy(
        script=("'self'", *map(_hash, _INLINE_SCRIPT.findall(html))),
        # Swagger UI sets style attributes, and its stylesheet has drawings in data URLs.
        style=("'self'", "'unsafe-inline'"),
        img=("'self'", "data:"),
        connect=("'self'",),
    )
    with as_file(files("fastapi_offline") / "static") as folder:
        app.mount(_FILES, StaticFiles(directory=folder), name="docs-files")

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
