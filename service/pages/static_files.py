"""Static files of the pages: read once, named by a hash of their content."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

#: Every file that is served, by its name below `static`.
STATIC_FILES = (
    "pages.css",
    "dashboard.css",
    "figures.js",
    "tables.js",
    "list.js",
    "live.js",
    "start.js",
    "icon.svg",
    "vendor/htmx.min.js",
    "vendor/plotly-cartesian.min.js",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A file with its media type and the SHA-256 of its content, in hexadecimal."""

    content: bytes
    media_type: str
    digest: str


@cache
def static_file(name: str) -> StaticFile | None:
    """Return the static file called `name`; None where there is none."""
    if name not in STATIC_FILES:
        return None
    content = files("service.pages").joinpath("static", *name.split("/")).read_bytes()
    suffix = name[name.rindex(".") :]
    return StaticFile(
        content=content,
        media_type=_MEDIA_TYPES[suffix],
        digest=hashlib.sha256(content).hexdigest(),
    )


def static_url(name: str) -> str:
    """Return the path of a static file; it changes with the content, so that browsers may keep it.

    Raises KeyError for an unknown name.
    """
    found = static_file(name)
    if found is None:
        raise KeyError(name)
    return f"/assets/{name}?v={found.digest[:12]}"


def script_hash(script: str) -> str:
    """Return the source expression by which a content security policy admits an inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
